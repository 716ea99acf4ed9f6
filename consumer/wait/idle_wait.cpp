// How a consumer waits: alone, as the leader, or as a follower.
#include "consumer/wait/idle_wait.hpp"

#include <algorithm>

#include "queue/os/directory_scan.hpp"

namespace spoolq::detail {
namespace {

using Clock = std::chrono::steady_clock;

/// The kernel frees the lock of a dead leader a moment after it closed the leader's file. During
/// this time a follower tries to lead again and again.
constexpr Duration kSuccession{200};
constexpr Duration kSuccessionRetry{20};

}  // namespace

IdleWait::IdleWait(OpenQueue& queue, std::string consumer, std::function<void()> before_hand_on)
    : queue_{queue},
      consumer_{std::move(consumer)},
      watcher_{queue},
      leader_election_{queue, consumer_, std::move(before_hand_on)} {}

bool IdleWait::watch() {
  if (watcher_.started()) return false;
  watcher_.start(consumer_);
  return true;
}

int IdleWait::descriptor() {
  if (!poll_fd_) {
    poll_fd_.emplace(watcher_.inotify());
    poll_fd_->ready_in(Duration{0});
  }
  return poll_fd_->fd();
}

bool IdleWait::leads() {
  return in_external_loop() || !watcher_.can_be_woken() || leader_election_.lead_or_follow();
}

Followed IdleWait::follow(Duration limit) {
  Followed followed;
  watcher_.ignore_arrivals();
  try {
    sleep_beside_leader(limit, followed.events);
  } catch (...) {
    followed.events.queue_changed = true;
    followed.error = std::current_exception();
  }
  // Also after an error: a caller that goes on must see arrivals, and a leader must not wake a
  // consumer that has stopped waiting.
  leader_election_.leave();
  watcher_.watch_arrivals();
  // A leader that handed on to us just now woke no other consumer.
  leader_election_.try_lead();
  return followed;
}

/// Until the leader hands on to us, or there is work that the leader does not do for us.
void IdleWait::sleep_beside_leader(Duration limit, Events& seen) {
  const auto deadline = Clock::now() + std::clamp(limit, Duration{0}, kFollowerTick);
  const Duration look = leader_election_.try_to_be_deputy() ? kTick : kFollowerTick;
  auto next_look = Clock::now() + look;
  auto succession_until = Clock::time_point::min();
  for (bool over = false; !over;) {
    auto until = std::min(deadline, next_look);
    if (Clock::now() < succession_until) until = std::min(until, Clock::now() + kSuccessionRetry);
    watcher_.wait(std::chrono::ceil<Duration>(until - Clock::now()));
    const Events events = watcher_.collect();
    // The leader handles new/ and all that is due. A message that has been there for so long shows
    // that it does not.
    const auto now = Clock::now();
    const bool abandoned = now >= next_look && anything_ready();
    if (now >= next_look) next_look = now + look;
    const bool all_due = events.queue_changed || events.overflow || abandoned;
    seen.queue_changed = seen.queue_changed || all_due;
    over = leader_election_.try_lead() || watcher_.stopped() || watcher_.woken() || all_due ||
           now >= deadline;
    if (events.consumer_ended) {
      seen.consumer_ended = true;
      succession_until = now + kSuccession;
    }
  }
}

bool IdleWait::anything_ready() const { return queue_.store().has_files(State::ready); }

}  // namespace spoolq::detail
