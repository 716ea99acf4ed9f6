// The inside of a Claim, and what it shares with the Consumer that made it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
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
  bool counts = true;  ///< Somebody was handed it: the attempt stays counted.
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

  /// Keeps a claim that is over and could not be given back: nobody else may take it back as long
  /// as we live. Any thread.
  void abandon(Abandoned claim);
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
  std::mutex abandoned_mutex_;
  std::vector<Abandoned> abandoned_;
  std::mutex deferred_mutex_;
  std::vector<std::string> deferred_;
};

}  // namespace detail

class [[gnu::visibility("hidden")]] Claim::Impl {
 public:
  /// `whole_name` is the original name where the file's own may hold only part of it.
  Impl(std::shared_ptr<detail::ConsumerIdentity> identity, detail::StoredMessage message,
       detail::UniqueFd file, std::optional<std::string> whole_name);
  ~Impl();

  [[nodiscard]] const MessageInfo& info() const { return info_; }
  [[nodiscard]] bool held() const { return held_ && !process_.foreign(); }
  Headers headers();
  std::string payload();
  std::size_t read(std::span<std::byte> buffer);
  void ack(Sync sync, Finished finished);
  void release(Duration delay);
  void undo();
  State retry_later(const Reason& reason, const RetryPolicy& policy);
  void fail(const Reason& reason);
  void move(Queue& target);
  void extend();
  [[nodiscard]] std::unique_ptr<ClaimHolder::Impl> holder();
  std::string detach(Duration lease);

 private:
  detail::OpenQueue& queue() { return identity_->queue(); }
  [[nodiscard]] std::string path();
  void require_held(const char* operation);
  void verify();
  void over();
  /// Runs the transition that ends the claim.
  void finish(const char* operation, const std::function<void()>& transition);

  std::shared_ptr<detail::ConsumerIdentity> identity_;
  detail::ProcessMark process_;
  detail::StoredMessage message_;
  detail::PayloadReader reader_;
  MessageInfo info_;
  bool started_ = false;   ///< read() was called.
  bool verified_ = false;  ///< The end was met and all matched.
  bool held_ = true;
};

}  // namespace spoolq
