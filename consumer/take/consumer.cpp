// Taking messages: scan, try names, wait, and do upkeep on the way.
#include "consumer/take/consumer.hpp"

#include <dirent.h>
#include <fmt/core.h>

#include <algorithm>
#include <random>
#include <utility>

#include "queue/maintenance/cleanup.hpp"
#include "queue/maintenance/due.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/draft.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/pause.hpp"
#include "queue/store/rename.hpp"

namespace spoolq {
namespace {

using detail::Candidate;
using detail::EntryKind;
using detail::Folder;
using detail::StoredMessage;
using Clock = std::chrono::steady_clock;

/// Everything is looked at again this often, whether or not an event said so. Also the longest that
/// changed settings go unnoticed.
constexpr Duration kTick{4000};
/// The same without inotify, where nothing else wakes us.
constexpr Duration kPollTick{500};
/// tmp/ and done/ are cleaned this often.
constexpr std::chrono::minutes kCleaningInterval{1};
/// What is there for long is kept young this often.
constexpr std::chrono::hours kTouchInterval{1};
/// A follower looks at everything this often, in case its leader is stopped. The deputy looks into
/// new/ at every tick.
constexpr Duration kFollowerTick{30'000};
/// The lock of a leader that died is free a moment after its file was closed: within this time it
/// is tried again and again.
constexpr Duration kSuccession{200};
constexpr Duration kSuccessionRetry{20};
/// Of so many files one consumer tells the others that they are complete.
constexpr std::size_t kToldMax = 256;
/// Consumers that wait for the same due message wake this far apart at most.
constexpr int kDueJitterMax = 20;

Duration random_jitter() {
  std::random_device device;
  return Duration{std::uniform_int_distribution<int>{0, kDueJitterMax}(device)};
}

/// When a wait of `timeout` that begins now ends. Never, for none and for longer than a clock runs.
Clock::time_point end_of_wait(std::optional<Duration> timeout) {
  const auto now = Clock::now();
  constexpr auto kNever = Clock::time_point::max();
  if (!timeout || *timeout >= std::chrono::floor<Duration>(kNever - now)) return kNever;
  return now + std::max(*timeout, Duration{0});
}

}  // namespace

Consumer::Impl::Impl(Queue queue)
    : queue_{require_takeable(std::move(queue))},
      identity_{std::make_shared<detail::ConsumerIdentity>(queue_.internals())},
      watcher_{open()},
      arrivals_{open()},
      leader_election_{open(), identity_->consumer(), [this] { tell_arrivals(); }},
      due_jitter_{random_jitter()} {}

Queue Consumer::Impl::require_takeable(Queue queue) {
  queue.internals()->require_own_process("take from");
  if (queue.is_maildir()) {
    detail::throw_errc(errc::not_a_queue, "take from", queue.path(),
                       fmt::format("a Maildir; 'spoolq init {}' makes it a queue and touches "
                                   "nothing in it",
                                   queue.path()));
  }
  return queue;
}

std::optional<Claim> Consumer::Impl::try_take() {
  process_.require_own("take from", queue_.path().c_str());
  if (poll_fd_) {
    // Whoever goes on after an error is not to spin, neither on the timer nor on the events.
    poll_fd_->ready_in(kPollTick);
    look_at_events();
  }
  open().durability().require_sound(queue_.path());
  auto claim = take_now();
  if (poll_fd_) poll_fd_->ready_in(claim ? Duration{0} : until_next_look(Clock::now()));
  return claim;
}

int Consumer::Impl::fd() {
  process_.require_own("wait for", queue_.path().c_str());
  if (!poll_fd_) {
    watch();
    poll_fd_.emplace(watcher_.inotify());
    poll_fd_->ready_in(Duration{0});
  }
  return poll_fd_->fd();
}

std::optional<Claim> Consumer::Impl::take_now() {
  // Names are left from an earlier call: only events tell of a better one that came since. Not at
  // the first call, because whoever takes once need not pay for the watch: closing it costs 10 ms.
  if (!candidates_.empty()) watch();
  look_at_events();
  keep_up();
  if (paused_) return std::nullopt;
  // A window that no scan has filled may hold what came last and nothing of what came before.
  if (window_filled_) {
    if (auto claim = claim_next()) return claim;
  }
  // Without a watch only a scan tells what is there; with one, the window has it all, unless it was
  // too small or somebody said to look again.
  if (!scan_needed_ && !candidates_.truncated() && watcher_.watching()) return std::nullopt;
  do {
    scan();
    // What came during the scan may have been passed over by it, while something younger was seen.
    look_at_events();
    if (auto claim = claim_next()) return claim;
  } while (candidates_.truncated() || scan_needed_);
  return std::nullopt;
}

std::optional<Claim> Consumer::Impl::take(std::optional<Duration> timeout) {
  process_.require_own("take from", queue_.path().c_str());
  const auto deadline = end_of_wait(timeout);
  watch();
  const detail::EndOfLeadership busy_from_here_on{leader_election_};
  for (;;) {
    watcher_.take_wake();
    if (watcher_.take_stop() != detail::StopRequest::none) return std::nullopt;
    if (auto claim = try_take()) return claim;
    const auto now = Clock::now();
    if (now >= deadline) return std::nullopt;
    rest(deadline == Clock::time_point::max() ? Duration::max()
                                              : std::chrono::ceil<Duration>(deadline - now));
  }
}

void Consumer::Impl::rest(Duration limit) {
  // Who waits in a loop of his own is not to depend on others, nor they on that loop.
  if (poll_fd_ || !watcher_.can_be_woken() || leader_election_.lead_or_follow()) {
    rest_alone(limit);
  } else {
    follow(limit);
  }
}

void Consumer::Impl::rest_alone(Duration limit) {
  watcher_.wait(std::min(limit, until_next_look(Clock::now())));
}

void Consumer::Impl::follow(Duration limit) {
  watcher_.ignore_arrivals();
  bool due_for_all = true;
  std::exception_ptr error;
  try {
    due_for_all = sleep_beside_leader(limit);
  } catch (...) {
    error = std::current_exception();
  }
  // Also after an error: who goes on then is to see what comes, and nobody is to wake who does not.
  leader_election_.leave();
  watcher_.watch_arrivals();
  // Who handed on to us in this moment has told nobody else.
  leader_election_.try_lead();
  // What has changed meanwhile is in new/ and later/. For the rest there was a leader.
  candidates_.clear();
  window_filled_ = false;
  scan_needed_ = true;
  next_due_ = open().now();
  next_tick_ = due_for_all ? Clock::time_point{}
                           : std::min(last_tick_ + kFollowerTick, Clock::now() + kTick);
  if (error) std::rethrow_exception(error);
}

bool Consumer::Impl::sleep_beside_leader(Duration limit) {
  // A lease of which we know may be one of which the leader does not.
  if (next_observed_end_) limit = std::min(limit, until_next_look(Clock::now()));
  if (next_lease_end_) limit = std::min(limit, *next_lease_end_ - open().now());
  const auto deadline = end_of_wait(std::min(limit, kFollowerTick));
  bool due_for_all = false;
  const Duration look = leader_election_.try_to_be_deputy() ? kTick : kFollowerTick;
  auto next_look = Clock::now() + look;
  auto succession_until = Clock::time_point::min();
  for (bool over = false; !over;) {
    auto until = std::min(deadline, next_look);
    if (Clock::now() < succession_until) until = std::min(until, Clock::now() + kSuccessionRetry);
    watcher_.wait(std::chrono::ceil<Duration>(until - Clock::now()));
    const detail::Events events = watcher_.collect();
    // The leader sees to new/ and to all that is due; a message that lies there for so long says
    // that it does not.
    const auto now = Clock::now();
    const bool abandoned = now >= next_look && anything_ready();
    if (now >= next_look) next_look = now + look;
    over = leader_election_.try_lead() || watcher_.stopped() || watcher_.woken() || abandoned ||
           events.queue_changed || events.overflow || now >= deadline;
    due_for_all = due_for_all || events.queue_changed || events.overflow || abandoned;
    if (events.consumer_ended) {
      reap_needed_ = bury_needed_ = true;
      succession_until = now + kSuccession;
    }
  }
  return due_for_all;
}

/// What we know of the files that we leave to others. What cannot be told has to settle.
void Consumer::Impl::tell_arrivals() noexcept {
  try {
    look_at_events();
    for (const std::string& file : candidates_.arrived(kToldMax)) arrivals_.tell(file);
  } catch (const std::exception& error) {
    open().log(LogLevel::notice, detail::escaped(error.what()));
  }
}

bool Consumer::Impl::anything_ready() {
  bool any = false;
  detail::scan_directory(open().sys(), open().fd(Folder::ready), open().path(Folder::ready),
                         [&any](const detail::DirectoryEntry&) { return !(any = true); });
  return any;
}

void Consumer::Impl::watch() {
  if (watcher_.started()) return;
  watcher_.start(identity_->consumer());
  // What was seen before is not the whole truth, and nobody told of what came since.
  candidates_.clear();
  window_filled_ = false;
  scan_needed_ = true;
  paused_ = detail::is_paused(open());
}

/// What the events say is only where to look.
void Consumer::Impl::look_at_events() {
  const detail::Events events = watcher_.collect();
  for (const std::string& file : events.delayed) {
    if (const auto delayed = detail::parse_delayed_name(file)) {
      next_due_ = std::min(next_due_.value_or(delayed->due), delayed->due);
    }
  }
  if (events.consumer_ended) reap_needed_ = bury_needed_ = true;
  if (events.queue_changed) next_tick_ = {};
  if (events.overflow) {
    open().log(LogLevel::notice, "inotify queue overflow; scanning");
    scan_needed_ = reap_needed_ = bury_needed_ = true;
    next_tick_ = {};
  }
  for (const std::string& file : identity_->take_deferred()) {
    settling_until_ = Clock::now() + unsettled_retry();
    candidates_.defer(file, settling_until_);
  }
  // Should one of them throw, those behind it are found by a scan.
  const bool scan_needed = std::exchange(scan_needed_, true);
  for (const auto& [file, complete] : events.ready) offer(file, DT_UNKNOWN, complete);
  scan_needed_ = scan_needed;
}

/// The work for all that is due now.
void Consumer::Impl::keep_up() {
  const auto now = Clock::now();
  const bool tick = now >= next_tick_;
  if (tick) {
    last_tick_ = now;
    next_tick_ = now + (watcher_.watching() ? kTick : kPollTick);
    scan_needed_ = reap_needed_ = true;
    if (!watcher_.watching()) bury_needed_ = true;
    open().refresh_settings();
    candidates_.set_strict(open().settings()->strict_order);
    give_back_abandoned();
    arrivals_.forget();
  }
  if (tick || !watcher_.watching()) paused_ = detail::is_paused(open());
  if (candidates_.retry_deferred(now)) scan_needed_ = true;
  const Time wall_clock = open().now();
  if (tick || (next_due_ && *next_due_ <= wall_clock)) {
    const detail::DueResult due = detail::move_due(open());
    next_due_ = due.next;
    if (due.moved > 0) scan_needed_ = true;
  }
  if (reap_needed_ || (next_lease_end_ && *next_lease_end_ <= wall_clock) ||
      (next_observed_end_ && *next_observed_end_ <= now)) {
    reap_needed_ = false;
    const auto bury = bury_needed_ ? detail::Bury::yes : detail::Bury::no;
    bury_needed_ = false;
    const detail::TakenBack taken_back =
        detail::reap(open(), identity_->consumer(), &observations_, bury);
    next_lease_end_ = taken_back.next_lease_end;
    next_observed_end_.reset();
    if (taken_back.next_observed_end) next_observed_end_ = now + *taken_back.next_observed_end;
    if (taken_back.returned > 0) scan_needed_ = true;
  }
  if (now >= next_cleaning_) {
    next_cleaning_ = now + kCleaningInterval;
    detail::sweep_drafts(open());
    detail::prune_done(open());
    detail::restock(open());
  }
  if (now >= next_touch_) {
    next_touch_ = now + kTouchInterval;
    detail::keep_young(open(), identity_->consumer());
  }
}

/// Claims that could not be given back when they ended. We live, so nobody else will do it.
void Consumer::Impl::give_back_abandoned() {
  for (detail::Abandoned& claim : identity_->take_abandoned()) {
    try {
      if (claim.counts) {
        static_cast<void>(detail::take_back(open(), claim.message, "it could not be given back"));
      } else {
        detail::undo_claim(open(), claim.message);
      }
    } catch (const Error& error) {
      if (error.code() == errc::claim_lost) continue;
      open().warn_once(claim.message.at.file(), detail::escaped(error.what()));
      identity_->abandon(std::move(claim));
    }
  }
}

void Consumer::Impl::scan() {
  // Should the look fail, it is to be made again, and what was seen is not to be served before what
  // was not.
  scan_needed_ = true;
  window_filled_ = false;
  names_seen_ = races_lost_ = 0;
  taken_.clear();
  candidates_.clear();
  detail::scan_directory(open().sys(), open().fd(Folder::ready), open().path(Folder::ready),
                         [this](const detail::DirectoryEntry& entry) {
                           ++names_seen_;
                           offer(entry.name, entry.type, /*complete=*/false);
                           return true;
                         });
  scan_needed_ = false;
  window_filled_ = true;
}

/// Puts a name of new/ into the window, if it is a message.
void Consumer::Impl::offer(std::string_view file, unsigned char type, bool complete) {
  Candidate candidate{.file = std::string{file}, .name = {}};
  if (auto name = detail::parse_name(file); name && (type == DT_UNKNOWN || type == DT_REG)) {
    // Ours by its name. Where the type is not known, the look after the claim tells.
    candidate.name = std::move(*name);
    candidates_.offer(std::move(candidate));
    return;
  }
  switch (detail::classify(open(), file, type)) {
    case EntryKind::foreign: {
      auto name = open().store().derive_name(detail::Store::place(State::ready, file), file);
      if (!name) return;
      candidate.name = std::move(*name);
      candidate.stranger = true;
      candidate.unsettled = !complete;
      candidates_.offer(std::move(candidate));
      return;
    }
    case EntryKind::not_a_message:
      try {
        open().store().quarantine_unless_regular(
            detail::Store::place(State::ready, candidate.file));
      } catch (const Error& error) {
        // Not ours to move, or no room for it in bad/: it is in nobody's way where it is.
        if (!detail::is_forbidden(error.code()) && error.code() != condition::temporary) throw;
        open().warn_once(candidate.file, detail::escaped(error.what()));
      }
      return;
    case EntryKind::message:
    case EntryKind::left_alone:
      return;
  }
}

Duration Consumer::Impl::until_next_look(Clock::time_point now) {
  auto next = next_tick_;
  if (const auto retry = candidates_.next_retry()) next = std::min(next, *retry);
  Duration wait = std::chrono::ceil<Duration>(next - now);
  const Time wall_clock = open().now();
  if (next_due_) wait = std::min(wait, *next_due_ - wall_clock + due_jitter_);
  if (next_lease_end_) wait = std::min(wait, *next_lease_end_ - wall_clock);
  if (next_observed_end_) {
    wait = std::min(wait, std::chrono::ceil<Duration>(*next_observed_end_ - now));
  }
  return std::max(wait, Duration{0});
}

Consumer::Consumer(const std::filesystem::path& path, LogHandler log)
    : Consumer{Queue::open(path, std::move(log))} {}
Consumer::Consumer(Queue queue) : impl_{std::make_unique<Impl>(std::move(queue))} {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

std::optional<Claim> Consumer::try_take() { return impl_->try_take(); }
std::optional<Claim> Consumer::take(Duration timeout) { return impl_->take(timeout); }
std::optional<Claim> Consumer::take() { return impl_->take(std::nullopt); }
void Consumer::run(const std::function<void(Claim&)>& handler, const RunOptions& options) {
  impl_->run(handler, options);
}
void Consumer::stop(Stop how) noexcept { impl_->stop(how); }
void Consumer::wake() noexcept { impl_->wake(); }
std::stop_token Consumer::stop_token() const { return impl_->stop_token(); }
int Consumer::fd() { return impl_->fd(); }
Queue Consumer::queue() const { return impl_->queue(); }

}  // namespace spoolq
