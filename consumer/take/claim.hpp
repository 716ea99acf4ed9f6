// The inside of a Claim, and what it shares with the Consumer that made it.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/payload.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq {
namespace detail {

/// A claim that could not be given back.
struct Abandoned {
  StoredMessage message;
  bool counts = true;  ///< The caller got the message: the attempt stays counted.
};

/// A consumer's identity. Claims share it, so the proof of life lasts as long as the last of them.
class ConsumerIdentity {
 public:
  explicit ConsumerIdentity(std::shared_ptr<OpenQueue> queue)
      : queue_{std::move(queue)}, registration_{*queue_} {}

  [[nodiscard]] OpenQueue& queue() { return *queue_; }
  [[nodiscard]] const std::string& consumer() const { return registration_.consumer(); }
  /// A C field that was not used before.
  std::string next_claim();
  [[nodiscard]] const Registration& registration() const { return registration_; }
  void claim_begins() { ++held_; }
  void claim_ends() { --held_; }
  [[nodiscard]] bool holds_claims() const { return held_ > 0; }

  /// Keeps a claim that is over and could not be given back. No other consumer may reclaim it while
  /// this one lives. Any thread.
  void abandon(Abandoned claim);
  /// Gives a claim back to new/ as `file`, not counted as an attempt. If that fails, it abandons
  /// the claim and throws.
  void undo_claim(const StoredMessage& message, const std::string& file);
  /// Gives all of them out, to be tried again.
  std::vector<Abandoned> take_abandoned();

  /// Remembers a file that goes back to new/ and is not to be claimed again at once.
  void defer(std::string file);
  /// Gives out all of these names.
  std::vector<std::string> take_deferred();

 private:
  std::shared_ptr<OpenQueue> queue_;
  Registration registration_;
  std::atomic<std::uint32_t> claims_{0};
  std::atomic<int> held_{0};
  std::mutex mutex_;  ///< Of the next two.
  std::vector<Abandoned> abandoned_;
  std::vector<std::string> deferred_;
};

}  // namespace detail

struct [[gnu::visibility("hidden")]] Claim::Impl {
  using Transition = std::function<void(detail::OpenQueue&, detail::StoredMessage&)>;

  /// `whole_name` is the original name where the file's own may hold only part of it.
  Impl(std::shared_ptr<detail::ConsumerIdentity> owner, detail::StoredMessage claimed,
       detail::UniqueFd file, std::optional<std::string> whole_name);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  /// Releases a claim that is still held.
  ~Impl();

  [[nodiscard]] detail::OpenQueue& queue() const { return identity->queue(); }
  [[nodiscard]] std::string path() const;
  [[nodiscard]] bool is_held() const { return held && !process.foreign(); }
  void require_held(const char* operation) const;
  /// Compares what was read with the message's name. Throws if they differ.
  void verify();
  /// Runs the transition that ends the claim.
  void finish(const char* operation, const Transition& transition);
  void release(Duration delay);
  void over();

  std::shared_ptr<detail::ConsumerIdentity> identity;
  detail::ProcessMark process;
  detail::StoredMessage message;
  detail::PayloadReader reader;
  MessageInfo info;
  bool started = false;   ///< read() was called.
  bool verified = false;  ///< The end was met and all matched.
  bool held = true;
};

}  // namespace spoolq
