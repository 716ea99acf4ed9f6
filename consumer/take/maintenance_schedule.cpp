// The parts of the maintenance and their times.
#include "consumer/take/maintenance_schedule.hpp"

#include <algorithm>
#include <cerrno>
#include <random>

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
/// Consumers that wait for the same due message, or have seen one of them end, do their work for it
/// this far apart at most. Not at once: the locks of a process end a moment after its file is
/// closed.
constexpr unsigned kJitterMax = 20;
/// While events tell of what comes into later/, it is read this often.
constexpr std::chrono::minutes kLaterInterval{1};
/// So many delayed messages are remembered until they are due.
constexpr std::size_t kUpcomingMax = 1024;

}  // namespace

MaintenanceSchedule::MaintenanceSchedule(ConsumerIdentity& identity)
    : identity_{identity},
      queue_{identity.queue()},
      jitter_{1 + std::random_device{}() % kJitterMax} {}

void MaintenanceSchedule::note(const Events& events) {
  for (const std::string& file : events.delayed) {
    if (const auto delayed = parse_delayed_name(file)) expect_due(delayed->due, file);
  }
  if (ended_.empty()) next_ended_look_ = Clock::now() + jitter_;
  ended_.insert(events.ended.begin(), events.ended.end());
  if (events.overflow) {
    reap_needed_ = bury_needed_ = true;
    upcoming_until_ = {};
  }
  if (events.queue_changed || events.overflow) next_tick_ = {};
}

void MaintenanceSchedule::begin_watch() {
  look_for_pause();
  upcoming_until_ = {};
}

bool MaintenanceSchedule::tick(Clock::time_point now, bool watching) {
  if (now < next_tick_) return false;
  next_tick_ = now + (watching ? kTick : kPollTick);
  if (!watching || now >= next_later_scan_) {
    next_later_scan_ = now + kLaterInterval;
    upcoming_until_ = {};
  }
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

/// Remembers it, unless there are enough that are due before.
void MaintenanceSchedule::expect_due(Time due, std::string_view file) {
  if (due >= upcoming_until_) return;
  upcoming_.emplace(due, file);
  if (upcoming_.size() <= kUpcomingMax) return;
  const auto last = std::prev(upcoming_.end());
  upcoming_until_ = last->first;
  upcoming_.erase(last);
}

Time MaintenanceSchedule::next_due() const {
  return upcoming_.empty() ? upcoming_until_ : std::min(upcoming_until_, upcoming_.begin()->first);
}

std::uint64_t MaintenanceSchedule::move_due() {
  if (upcoming_until_ <= queue_.now()) return scan_later().moved;
  DueResult result;
  while (!upcoming_.empty() && upcoming_.begin()->first <= queue_.now()) {
    const auto node = upcoming_.extract(upcoming_.begin());
    const auto message = queue_.store().find(Store::place(State::delayed, node.value().second));
    // All consumers wait for it. A look is cheaper than a rename, which locks two folders.
    struct stat status = {};
    if (!message || queue_.store().stat(message->at, status).error() == ENOENT) continue;
    move_one_due(queue_, *message, result);
  }
  if (result.left > 0) upcoming_until_ = std::min(upcoming_until_, queue_.now() + kTick);
  return result.moved;
}

DueResult MaintenanceSchedule::scan_later() {
  upcoming_.clear();
  upcoming_until_ = Time::max();
  DueResult result;
  try {
    result = detail::move_due(queue_, [this](const StoredMessage& message) {
      expect_due(*message.due, message.at.file());
    });
  } catch (...) {
    upcoming_until_ = {};
    throw;
  }
  if (result.left > 0) upcoming_until_ = std::min(upcoming_until_, queue_.now() + kTick);
  return result;
}

bool MaintenanceSchedule::reclaim(Clock::time_point now) {
  if (!ended_.empty() && now >= next_ended_look_) {
    // All consumers were told. The first one to reap removes the file at last.
    if (std::ranges::any_of(ended_,
                            [this](auto& name) { return has_consumer_file(queue_, name); })) {
      reap_needed_ = bury_needed_ = true;
    }
    ended_.clear();
  }
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
  if (next_due() != Time::max()) wait = std::min(wait, next_due() - queue_.now() + jitter_);
  if (!ended_.empty()) wait = std::min(wait, std::chrono::ceil<Duration>(next_ended_look_ - now));
  if (next_observed_end_) {
    wait = std::min(wait, std::chrono::ceil<Duration>(*next_observed_end_ - now));
  }
  return std::max(wait, Duration{0});
}

Duration MaintenanceSchedule::until_lease_end() const {
  return next_lease_end_ ? *next_lease_end_ - queue_.now() : Duration::max();
}

}  // namespace spoolq::detail
