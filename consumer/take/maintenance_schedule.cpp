// The parts of the maintenance and their times.
#include "consumer/take/maintenance_schedule.hpp"

#include <algorithm>
#include <random>

#include "consumer/wait/idle_wait.hpp"
#include "queue/maintenance/cleanup.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/draft.hpp"
#include "queue/store/pause.hpp"

namespace spoolq::detail {
namespace {

/// tmp/ and done/ are cleaned this often.
constexpr std::chrono::minutes kCleaningInterval{1};
/// Files that exist for long get new times this often.
constexpr std::chrono::hours kTouchInterval{1};
/// Consumers that wait for the same due message wake this far apart at most.
constexpr unsigned kDueJitterMax = 20;

}  // namespace

MaintenanceSchedule::MaintenanceSchedule(ConsumerIdentity& identity)
    : identity_{identity},
      queue_{identity.queue()},
      due_jitter_{std::random_device{}() % (kDueJitterMax + 1)} {}

void MaintenanceSchedule::note(const Events& events) {
  for (const std::string& file : events.delayed) {
    if (const auto delayed = parse_delayed_name(file)) {
      next_due_ = std::min(next_due_.value_or(delayed->due), delayed->due);
    }
  }
  if (events.consumer_ended || events.overflow) reap_needed_ = bury_needed_ = true;
  if (events.queue_changed || events.overflow) next_tick_ = {};
}

void MaintenanceSchedule::resume(const Events& events) {
  next_due_ = queue_.now();
  next_tick_ = std::min(last_tick_ + kFollowerTick, Clock::now() + kTick);
  note(events);
}

bool MaintenanceSchedule::tick(Clock::time_point now, bool watching) {
  if (now < next_tick_) return false;
  last_tick_ = now;
  next_tick_ = now + (watching ? kTick : kPollTick);
  reap_needed_ = true;
  if (!watching) bury_needed_ = true;
  queue_.refresh_settings();
  release_abandoned();
  return true;
}

void MaintenanceSchedule::look_for_pause() { paused_ = is_paused(queue_); }

/// Claims that could not be released when they ended. This consumer lives, so no reaper does it.
void MaintenanceSchedule::release_abandoned() {
  for (Abandoned& claim : identity_.take_abandoned()) {
    try {
      if (claim.counts) {
        static_cast<void>(take_back(queue_, claim.message, "it could not be given back"));
      } else {
        undo_claim(queue_, claim.message);
      }
    } catch (const Error& error) {
      if (error.code() == errc::claim_lost) continue;
      queue_.warn_once(claim.message.at.file(), escaped(error.what()));
      identity_.abandon(std::move(claim));
    }
  }
}

DueResult MaintenanceSchedule::move_due() {
  const DueResult due = detail::move_due(queue_);
  next_due_ = due.next;
  return due;
}

bool MaintenanceSchedule::reclaim(Clock::time_point now) {
  if (!reap_needed_ && until_lease_end() > Duration{0} &&
      (!next_observed_end_ || now < *next_observed_end_)) {
    return false;
  }
  reap_needed_ = false;
  const auto bury = std::exchange(bury_needed_, false) ? Bury::yes : Bury::no;
  const TakenBack taken_back = reap(queue_, identity_.consumer(), &observations_, bury);
  next_lease_end_ = taken_back.next_lease_end;
  next_observed_end_.reset();
  if (taken_back.next_observed_end) next_observed_end_ = now + *taken_back.next_observed_end;
  return taken_back.returned > 0;
}

void MaintenanceSchedule::clean(Clock::time_point now) {
  if (now >= next_cleaning_) {
    next_cleaning_ = now + kCleaningInterval;
    sweep_drafts(queue_);
    prune_done(queue_);
    restock(queue_);
  }
  if (now >= next_touch_) {
    next_touch_ = now + kTouchInterval;
    keep_young(queue_, identity_.consumer());
  }
}

Duration MaintenanceSchedule::until_next(Clock::time_point now) const {
  Duration wait = std::min(std::chrono::ceil<Duration>(next_tick_ - now), until_lease_end());
  if (next_due_) wait = std::min(wait, *next_due_ - queue_.now() + due_jitter_);
  if (next_observed_end_) {
    wait = std::min(wait, std::chrono::ceil<Duration>(*next_observed_end_ - now));
  }
  return std::max(wait, Duration{0});
}

Duration MaintenanceSchedule::until_lease_end() const {
  return next_lease_end_ ? *next_lease_end_ - queue_.now() : Duration::max();
}

}  // namespace spoolq::detail
