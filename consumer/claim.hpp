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

#include "queue/liveness.hpp"
#include "queue/open_queue.hpp"
#include "queue/payload.hpp"
#include "queue/transitions.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq {
namespace detail {

/// A consumer's identity. Claims share it, so the proof of life lasts as long as the last of them.
class ConsumerIdentity {
 public:
  explicit ConsumerIdentity(std::shared_ptr<OpenQueue> queue)
      : queue_{std::move(queue)}, registration_{*queue_} {}

  [[nodiscard]] OpenQueue& queue() { return *queue_; }
  [[nodiscard]] const std::string& consumer() const { return registration_.consumer(); }
  /// A C field that was not used before.
  std::string next_claim();
  void claim_begins() { ++held_; }
  void claim_ends() { --held_; }
  [[nodiscard]] bool holds_claims() const { return held_ > 0; }

  /// Keeps a claim that is over and could not be given back: nobody else may take it back as long
  /// as we live. Any thread.
  void abandon(StoredMessage message);
  /// Gives all of them out, to be tried again.
  std::vector<StoredMessage> take_abandoned();

 private:
  std::shared_ptr<OpenQueue> queue_;
  Registration registration_;
  std::atomic<std::uint32_t> claims_{0};
  std::atomic<int> held_{0};
  std::mutex abandoned_mutex_;
  std::vector<StoredMessage> abandoned_;
};

}  // namespace detail

class [[gnu::visibility("hidden")]] Claim::Impl {
 public:
  Impl(std::shared_ptr<detail::ConsumerIdentity> identity, detail::StoredMessage message,
       detail::UniqueFd file);
  ~Impl();

  [[nodiscard]] const MessageInfo& info() const { return info_; }
  [[nodiscard]] bool held() const { return held_ && !process_.foreign(); }
  Headers headers();
  std::string payload();
  std::size_t read(std::span<std::byte> buffer);
  void ack(Sync sync);
  void release(Duration delay);
  void undo();
  void fail(const Reason& reason);
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
