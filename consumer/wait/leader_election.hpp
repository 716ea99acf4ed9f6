// Which of the consumers that have nothing to do watches for all of them
// (docs/decisions/one-consumer-watches.md).
//
// Leader and followers: one idle consumer, the leader, watches new/ and later/; the others sleep.
// Before the leader goes to work it wakes one follower, which leads from then on. So a put wakes
// one process, not all. One follower, the deputy, looks now and then whether the leader does its
// work.
//
// Nothing of this is on disk: the leader holds a flock on the folder consumers/, the deputy one on
// later/, and a follower a read lock on one byte of consumers/, whose place is the consumer's name
// (open file description locks, fcntl_locking(2)). The kernel drops all of them when a process
// ends.
#pragma once

#include "queue/os/fork_guard.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// One consumer's part in it. Everything here is for speed: what cannot be had is done without, and
/// followers look for themselves now and then, for a leader that is stopped. One thread.
class LeaderElection {
 public:
  /// `consumer` is the name of its file in consumers/. `before_end` is called when a leadership is
  /// about to end, and throws nothing.
  LeaderElection(OpenQueue& queue, std::string consumer, std::function<void()> before_end = {});

  /// Makes us a follower, or the leader when there is none; true then.
  bool lead_or_follow();
  /// True when we lead now: there was no leader, or we were.
  bool try_lead();
  /// True when we are the deputy now, because there was none.
  bool try_to_be_deputy();
  /// No longer a follower, nor the deputy. Call try_lead() afterwards: a leader may have woken this
  /// consumer just before, and no other one.
  void leave();
  /// Ends our leadership, if we have it, and wakes a follower.
  void hand_on();

 private:
  /// The first follower's place at or after `start`; -1: none.
  [[nodiscard]] std::int64_t find_follower(std::int64_t start) const;
  /// Causes an event on that follower's file.
  void wake(std::int64_t place);

  OpenQueue& queue_;
  std::string consumer_;
  std::function<void()> before_end_;
  ProcessMark process_;
  LockFd fd_;  ///< consumers/: its lock is the leader's.
  /// Our file in consumers/: when it is closed, because we end or die, the followers see it. Not
  /// the proof of life, which others may hold for longer (ClaimHolder).
  LockFd own_file_;
  LockFd deputy_fd_;  ///< later/: the deputy's lock, and a byte for each follower.
  bool leading_ = false;
};

}  // namespace spoolq::detail
