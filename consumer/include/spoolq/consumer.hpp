// Taking messages from a queue.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "spoolq/export.hpp"
#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"
#include "spoolq/units.hpp"

namespace spoolq {

namespace detail {
class Claimer;
}

/// What becomes of a message that is done.
enum class Finished {
  by_setting,  ///< As the setting keep_done says.
  removed,
  kept,  ///< Into done/.
};

/// What differs from the queue's settings after a failed run.
struct RetryPolicy {
  std::optional<unsigned> max_attempts{};
  std::optional<Backoff> backoff{};
};

/// Holds a claim in a process that is forked to deal with the message. As long as that process or
/// the consumer lives, no other consumer gets the message. Destroyed, it lets go.
class SPOOLQ_EXPORT ClaimHolder {
 public:
  ClaimHolder(ClaimHolder&&) noexcept;
  ClaimHolder& operator=(ClaimHolder&&) noexcept;
  ~ClaimHolder();

  /// It consists of so many descriptors, all of them close-on-exec.
  static constexpr int kDescriptors = 3;
  /// For a process that closes all others: moves them to `first` and the numbers after it. Only
  /// async-signal-safe calls. False with errno.
  bool move_to(int first) noexcept;

  /// For a process that has outlived the consumer: as long as it holds the claim in the consumer's
  /// name, none of the consumer's claims can be reclaimed. This takes a proof of life of its own,
  /// renames the claim to it, and lets go of the consumer's. Only async-signal-safe calls. False:
  /// it still holds the claim in the consumer's name.
  bool take_over() noexcept;

 private:
  friend class Claim;
  class Impl;
  explicit ClaimHolder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

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
  void ack(Sync sync = Sync::durable, Finished finished = Finished::by_setting);
  /// Gives the message back, at once or after `delay`. The attempt stays counted; at the maximum
  /// of attempts the message goes to failed/ instead. Throws as ack(), and errc::bad_value for a
  /// delay beyond the year 2286.
  void release(Duration delay = Duration{0});
  /// Gives the message back as if it had not been taken, the attempt not counted: for work that was
  /// not begun. Throws as ack().
  void undo();
  /// The run has failed: the message waits out the backoff in later/ (State::delayed), or is ready
  /// again where there is none, or goes to failed/ at the maximum of attempts. `policy` says what
  /// of the queue's settings is not to hold here. The reason is kept with it where the file system
  /// takes it. Returns where it went; info() then tells when it is due. Throws as ack().
  State retry_later(const Reason& reason, const RetryPolicy& policy = {});
  /// Gives up: the message goes to failed/, with the reason where the file system takes it.
  void fail(const Reason& reason);
  /// Finishes the message here and hands it over to `target`, where it is ready, has the same id
  /// and no attempts. On two file systems a crash may leave it in both. Throws as ack() and
  /// Queue::move; the claim is still held when the target did not take it.
  void move(Queue& target);
  /// Goes on holding a message in a queue with a `lease`, which begins anew. The file is renamed,
  /// so path() is another one afterwards. Throws errc::claim_lost.
  void extend();
  /// Turns the claim into a detached one, which outlives this process and ends after `lease`.
  /// Returns its path, the receipt with which Queue::held_claim finds it.
  std::string detach(Duration lease);

  /// For a process that is forked to deal with the message and may outlive this one. Throws the
  /// errno.
  [[nodiscard]] ClaimHolder holder() const;

  /// False once finished, lost, or moved from.
  [[nodiscard]] bool held() const noexcept;

 private:
  friend class detail::Claimer;
  struct Impl;
  explicit Claim(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// How run() deals with messages. Give only what differs: `{.concurrency = 4}`.
struct RunOptions {
  /// When run() returns without being told to.
  enum class Until {
    stopped,      ///< Never.
    ready_empty,  ///< When there is no ready message, and no handler runs.
    empty,        ///< The same, and no delayed message.
  };

  /// Handlers at a time, each on a thread of its own; at least 1.
  unsigned concurrency = 1;
  /// So many messages are claimed ahead of them, so that no handler waits for a claim. They are
  /// given back uncounted when run() ends before their turn. Not in a queue with a `lease`, which
  /// is for handlers.
  unsigned prefetch = 0;
  Until until = Until::stopped;
  /// For the acks that run() does.
  Sync ack = Sync::durable;
  /// Asked before each message: none to take it now, or how long to take nothing; it is asked again
  /// then, after wake(), and whenever a handler ends. Called by the thread that called run(), as
  /// the next.
  std::function<Duration()> pace{};
  /// Called this often while run() runs, and once at its begin; 0: never.
  Duration tick{0};
  std::function<void()> on_tick{};
};

/// How stop() ends what runs.
enum class Stop {
  drain,  ///< Nothing more is taken; handlers that run come to their end.
  hard,   ///< And they are asked to hurry: stop_token().
};

/// Takes messages, best priority first, then oldest first: exact while it is the only consumer,
/// best effort otherwise.
///
/// One thread at a time, except stop() and wake(), which any thread and any signal handler may
/// call, and stop_token(), which handlers may call. Opening it proves to others that this process
/// lives; when it dies, however it dies, its claims are free. While it waits, and whenever it looks
/// for a message, it also takes back the claims of dead consumers and moves delayed messages that
/// are due. With SPOOLQ_POLL=1 in the environment it does not wait for inotify(7) but looks every
/// 500 ms, for folders whose changes that does not tell of.
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
  /// Takes messages and has `handler` deal with each, until stop(), or as the options say. Handlers
  /// run on threads of its own, in which all signals are blocked; nothing is claimed that no
  /// handler is free for, unless `prefetch` says so.
  ///
  /// A handler may finish its claim itself. When it returns and has not, the claim is acknowledged;
  /// acks of several handlers share one sync. When it throws, Claim::retry_later is done with the
  /// exception's what() as the reason; after a hard stop the message is given back uncounted
  /// instead. A claim that was lost meanwhile is reported to the log handler, and is no error.
  ///
  /// Returns when the last handler has ended. Throws what takes or finishes of messages throw when
  /// the disk fails: after the handlers that run have ended.
  void run(const std::function<void(Claim&)>& handler, const RunOptions& options = {});

  /// Ends the run() or take() that runs now, or the next one. Later ones go on as ever.
  void stop(Stop how = Stop::drain) noexcept;
  /// Makes a run() ask its `pace` again. Any thread and any signal handler, as stop().
  void wake() noexcept;
  /// For handlers: asked to stop by Stop::hard. Their messages are then given back uncounted if
  /// they throw; one that returns has done its work.
  [[nodiscard]] std::stop_token stop_token() const;

  /// A descriptor for an event loop of your own (poll(2), epoll(7), libuv, Asio, Qt): readable when
  /// try_take() may give something, or has upkeep to do. Call try_take() then, once or until it
  /// gives nullopt: the descriptor stays readable until it has. Level-triggered; valid as long as
  /// the Consumer; neither read it nor close it. The first call begins to watch and throws the
  /// errno when the descriptors for that cannot be made.
  [[nodiscard]] int fd();

  /// The queue that is open here.
  [[nodiscard]] Queue queue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spoolq
