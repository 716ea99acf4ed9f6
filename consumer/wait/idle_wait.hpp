// Waiting until there may be something to take, by inotify, at intervals, or behind a leader.
#pragma once

#include <exception>
#include <stop_token>

#include "consumer/wait/leader_election.hpp"
#include "consumer/wait/poll_fd.hpp"
#include "consumer/wait/watcher.hpp"

namespace spoolq::detail {

/// A consumer looks at everything this often, whether or not an event said so. Changed settings go
/// unnoticed for this long at most.
constexpr Duration kTick{4000};
/// The same without inotify, where nothing else wakes a consumer.
constexpr Duration kPollTick{500};
/// The same for a follower, in case its leader is stopped. The deputy looks into new/ every kTick.
constexpr Duration kFollowerTick{30'000};

/// What a follower learned while it slept.
struct Followed {
  /// Only `consumer_ended`, and `queue_changed` where all maintenance is due.
  Events events;
  /// What ended the wait early. The events hold nevertheless.
  std::exception_ptr error;
};

/// How one consumer waits, and what ends its wait. One thread, except stop(), wake() and
/// stop_token().
class IdleWait {
 public:
  /// `consumer` is the name of the consumer's file in consumers/. `before_hand_on` is called before
  /// a leader goes to work, and throws nothing.
  IdleWait(OpenQueue& queue, std::string consumer, std::function<void()> before_hand_on);

  /// Begins to watch, the first time it is called; true then: scan afterwards.
  bool watch();
  [[nodiscard]] bool watching() const { return watcher_.watching(); }
  /// What happened since the last call, without waiting.
  Events collect() { return watcher_.collect(); }

  /// A descriptor for an external event loop. Call watch() before.
  int descriptor();
  /// Whether descriptor() was called. A consumer in an external loop neither leads nor follows.
  [[nodiscard]] bool in_external_loop() const { return poll_fd_.has_value(); }
  /// Makes the descriptor readable after `span`.
  void ready_in(Duration span) const { poll_fd_->ready_in(span); }

  /// Whether the consumer waits by itself, with wait(). Otherwise it follows.
  bool leads();
  /// Sleeps until an event, stop(), wake(), or the end of `limit`.
  void wait(Duration limit) { watcher_.wait(limit); }
  /// The same, but events end nothing.
  void sleep(Duration limit) { watcher_.sleep(limit); }
  /// Sleeps while another consumer watches new/ and later/. Scan afterwards.
  Followed follow(Duration limit);
  /// Ends the lead and wakes a follower. Call it before work begins.
  void hand_on() { leader_election_.hand_on(); }
  /// Whether there is any name in new/.
  [[nodiscard]] bool anything_ready() const;

  void stop(StopRequest request) noexcept { watcher_.stop(request); }
  StopRequest take_stop() noexcept { return watcher_.take_stop(); }
  void wake() noexcept { watcher_.wake(); }
  void take_wake() noexcept { watcher_.take_wake(); }
  /// Tells handlers of a hard stop, from begin_run() on.
  [[nodiscard]] std::stop_token stop_token() const { return hard_stop_.get_token(); }
  void begin_run() { hard_stop_ = std::stop_source{}; }
  void stop_handlers() { hard_stop_.request_stop(); }

 private:
  void sleep_beside_leader(Duration limit, Events& seen);

  OpenQueue& queue_;
  std::string consumer_;
  Watcher watcher_;
  LeaderElection leader_election_;
  std::optional<PollFd> poll_fd_;
  std::stop_source hard_stop_;
};

/// A call that may wait. A leader hands on at its end, whatever ends it.
class IdleScope {
 public:
  explicit IdleScope(IdleWait& idle_wait) : idle_wait_{idle_wait} {}
  IdleScope(const IdleScope&) = delete;
  IdleScope& operator=(const IdleScope&) = delete;
  ~IdleScope() { idle_wait_.hand_on(); }

 private:
  IdleWait& idle_wait_;
};

}  // namespace spoolq::detail
