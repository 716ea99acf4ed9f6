// Taking messages from a queue.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "spoolq/export.hpp"
#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"

namespace spoolq {

/// A message that is ours until we finish it or die.
///
/// Exactly one consumer has it. Finish it with ack(), release() or fail(); destroyed unfinished it
/// is released. The claim ends when this process dies: another consumer then takes the message.
/// One thread at a time, not necessarily the one that took it; it may outlive its Consumer.
class SPOOLQ_EXPORT Claim {
 public:
  Claim(Claim&&) noexcept;
  Claim& operator=(Claim&&) noexcept;
  ~Claim();

  [[nodiscard]] const MessageInfo& info() const;
  [[nodiscard]] MessageId id() const { return info().id; }
  /// The headers the producer gave.
  [[nodiscard]] Headers headers() const;
  /// The payload's file, absolute. Valid until the claim is finished; do not write to it.
  [[nodiscard]] std::string path() const;

  /// The whole payload. Its size and checksum have been compared with the message's name; when
  /// they differ the message is moved to bad/, errc::damaged is thrown and the claim is over.
  [[nodiscard]] std::string payload();
  /// Reads the next part into `buffer` and returns its size, 0 at the end. The call that meets the
  /// end compares size and checksum, as payload() does.
  std::size_t read(std::span<std::byte> buffer);

  /// Finishes the message. Once it has returned (with Sync::durable) the message is never
  /// delivered again. Acks of several threads share one sync. Throws errc::claim_lost when the
  /// claim was taken back; an errno when the disk failed: the message may then be delivered again.
  void ack(Sync sync = Sync::durable);
  /// Gives the message back, at once or after `delay`. The attempt stays counted; at the maximum
  /// of attempts the message goes to failed/ instead. Throws as ack(), and errc::bad_value for a
  /// delay beyond the year 2286.
  void release(Duration delay = Duration{0});
  /// Gives the message back as if it had not been taken, the attempt not counted: for work that was
  /// not begun. Throws as ack().
  void undo();
  /// Gives up: the message goes to failed/, with the reason where the file system takes it.
  void fail(const Reason& reason);
  /// Turns the claim into a detached one, which outlives this process and ends after `lease`.
  /// Returns its path, the receipt with which Queue::held_claim finds it.
  std::string detach(Duration lease);

  /// False once finished, lost, or moved from.
  [[nodiscard]] bool held() const noexcept;

 private:
  friend class Consumer;
  class Impl;
  explicit Claim(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Takes messages, best priority first, then oldest first: exact while it is the only consumer,
/// best effort otherwise.
///
/// One thread at a time, except stop(), which any thread and any signal handler may call. Opening
/// it proves to others that this process lives; when it dies, however it dies, its claims are free.
/// While it waits, and whenever it looks for a message, it also takes back the claims of dead
/// consumers and moves delayed messages that are due.
class SPOOLQ_EXPORT Consumer {
 public:
  /// Opens the queue at `path`; throws as Queue::open, and errc::not_a_queue for a Maildir.
  explicit Consumer(const std::filesystem::path& path, LogHandler log = {});
  explicit Consumer(Queue queue);
  Consumer(Consumer&&) noexcept;
  Consumer& operator=(Consumer&&) noexcept;
  ~Consumer();

  /// The next message, or nullopt when there is none now, or the queue is paused.
  std::optional<Claim> try_take();
  /// The next message, waiting up to `timeout` for one. nullopt: the time ran out, or stop().
  std::optional<Claim> take(Duration timeout);
  /// The same without a limit; nullopt only after stop().
  std::optional<Claim> take();
  /// Ends the take() that waits now, or the next one. Later ones wait again.
  void stop() noexcept;

  /// A descriptor for an event loop of your own (poll(2), epoll(7), libuv, Asio, Qt): readable when
  /// try_take() may give something, or has upkeep to do. Call try_take() then, once or until it
  /// gives nullopt: the descriptor stays readable until it has. Level-triggered; valid as long as
  /// the Consumer; neither read it nor close it. The first call begins to watch and throws the
  /// errno when the descriptors for that cannot be made.
  [[nodiscard]] int fd();

  /// The queue that is open here.
  [[nodiscard]] Queue queue() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spoolq
