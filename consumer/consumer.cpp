// Taking messages: scan, try names, wait, and do upkeep on the way.
#include "spoolq/consumer.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <random>
#include <unordered_set>
#include <utility>

#include "consumer/claim.hpp"
#include "consumer/readiness.hpp"
#include "consumer/watcher.hpp"
#include "consumer/window.hpp"
#include "queue/attributes.hpp"
#include "queue/directory_scan.hpp"
#include "queue/pause.hpp"
#include "queue/rename.hpp"
#include "queue/strangers.hpp"
#include "queue/throw_error.hpp"
#include "queue/upkeep.hpp"

namespace spoolq {
namespace {

using detail::Candidate;
using detail::EntryKind;
using detail::Folder;
using detail::StoredMessage;
using detail::UniqueFd;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kWindowCapacity = 1024;
/// A rename that comes too late costs about as much as reading so many names.
constexpr std::size_t kNamesPerLoss = 16;
constexpr std::size_t kLossesMin = 32;
/// So many of our own claims are told apart from lost races.
constexpr std::size_t kTakenMax = 4 * kWindowCapacity;
/// Everything is looked at again this often, whether or not an event said so. Also the longest that
/// changed settings go unnoticed.
constexpr Duration kTick{4000};
/// The same without inotify, where nothing else wakes us.
constexpr Duration kPollTick{500};
/// tmp/ and done/ are cleaned this often.
constexpr std::chrono::minutes kCleaningInterval{1};
/// A name that we may not rename or read is tried again after this.
constexpr Duration kForbiddenRetry{5000};
/// A file shorter than its name says is not damaged while it may still be in the making.
constexpr Duration kShortFileGrace{5000};
/// A file that is not complete yet is not looked at more often than this, whatever `settle` says.
constexpr Duration kUnsettledRetryMin{100};
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

bool is_forbidden(const std::error_code& code) {
  return code == std::errc::operation_not_permitted || code == std::errc::permission_denied;
}

}  // namespace

class [[gnu::visibility("hidden")]] Consumer::Impl {
 public:
  explicit Impl(Queue queue);

  std::optional<Claim> try_take();
  std::optional<Claim> take(std::optional<Duration> timeout);
  void stop() noexcept { watcher_.stop(); }
  int fd();
  [[nodiscard]] const Queue& queue() const { return queue_; }

 private:
  detail::OpenQueue& open() { return *queue_.internals(); }
  std::optional<Claim> take_now();
  /// Begins to watch, once.
  void watch();
  void look_at_events();
  void keep_up();
  void give_back_abandoned();
  void scan();
  void offer(std::string_view file, unsigned char type, bool complete);
  std::optional<Claim> claim_next();
  std::optional<Claim> attempt(Candidate candidate);
  std::optional<Claim> accept(const Candidate& candidate, StoredMessage message);
  bool may_still_grow(const StoredMessage& message, const struct stat& status);
  void put_back(const Candidate& candidate, const StoredMessage& message, Duration retry,
                const std::string& why);
  [[nodiscard]] Duration until_next_look(Clock::time_point now);
  /// When a file that is not complete is looked at again.
  [[nodiscard]] Duration unsettled_retry() {
    return std::max(kUnsettledRetryMin, open().settings()->settle);
  }

  Queue queue_;
  std::shared_ptr<detail::ConsumerIdentity> identity_;
  detail::ProcessMark process_;
  detail::Watcher watcher_;
  std::optional<detail::Readiness> readiness_;  ///< Once fd() was called.
  detail::Window window_{kWindowCapacity};
  bool paused_ = false;
  bool scan_needed_ = true;
  bool window_filled_ = false;             ///< By a scan, since it was cleared.
  std::size_t names_seen_ = 0;             ///< By the last scan.
  std::size_t races_lost_ = 0;             ///< Since then.
  std::unordered_set<std::string> taken_;  ///< Names that we claimed since then.
  bool reap_needed_ = true;
  Clock::time_point next_tick_{};
  Clock::time_point next_cleaning_{};
  std::optional<Time> next_due_;
  std::optional<Time> next_lease_end_;
  Duration due_jitter_;
};

Consumer::Impl::Impl(Queue queue)
    : queue_{std::move(queue)}, watcher_{*queue_.internals()}, due_jitter_{random_jitter()} {
  open().require_own_process("take from");
  if (queue_.is_maildir()) {
    detail::throw_errc(errc::not_a_queue, "take from", queue_.path(),
                       fmt::format("a Maildir; 'spoolq init {}' makes it a queue and touches "
                                   "nothing in it",
                                   queue_.path()));
  }
  identity_ = std::make_shared<detail::ConsumerIdentity>(queue_.internals());
}

std::optional<Claim> Consumer::Impl::try_take() {
  process_.require_own("take from", queue_.path().c_str());
  if (readiness_) {
    // Whoever goes on after an error is not to spin, neither on the timer nor on the events.
    readiness_->ready_in(kPollTick);
    look_at_events();
  }
  open().durability().require_sound(queue_.path());
  auto claim = take_now();
  if (readiness_) readiness_->ready_in(claim ? Duration{0} : until_next_look(Clock::now()));
  return claim;
}

int Consumer::Impl::fd() {
  process_.require_own("wait for", queue_.path().c_str());
  if (!readiness_) {
    watch();
    readiness_.emplace(watcher_.inotify());
    readiness_->ready_in(Duration{0});
  }
  return readiness_->fd();
}

std::optional<Claim> Consumer::Impl::take_now() {
  // Names are left from an earlier call: only events tell of a better one that came since. Not at
  // the first call, because whoever takes once need not pay for the watch: closing it costs 10 ms.
  if (!window_.empty()) watch();
  look_at_events();
  keep_up();
  if (paused_) return std::nullopt;
  // A window that no scan has filled may hold what came last and nothing of what came before.
  if (window_filled_) {
    if (auto claim = claim_next()) return claim;
  }
  // Without a watch only a scan tells what is there; with one, the window has it all, unless it was
  // too small or somebody said to look again.
  if (!scan_needed_ && !window_.truncated() && watcher_.watching()) return std::nullopt;
  do {
    scan();
    // What came during the scan may have been passed over by it, while something younger was seen.
    look_at_events();
    if (auto claim = claim_next()) return claim;
  } while (window_.truncated() || scan_needed_);
  return std::nullopt;
}

std::optional<Claim> Consumer::Impl::take(std::optional<Duration> timeout) {
  process_.require_own("take from", queue_.path().c_str());
  const auto deadline = end_of_wait(timeout);
  watch();
  for (;;) {
    if (watcher_.take_stop()) return std::nullopt;
    if (auto claim = try_take()) return claim;
    const auto now = Clock::now();
    if (now >= deadline) return std::nullopt;
    Duration wait = until_next_look(now);
    if (deadline != Clock::time_point::max()) {
      wait = std::min(wait, std::chrono::ceil<Duration>(deadline - now));
    }
    watcher_.wait(wait);
  }
}

void Consumer::Impl::watch() {
  if (watcher_.started()) return;
  watcher_.start();
  // What was seen before is not the whole truth, and nobody told of what came since.
  window_.clear();
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
  if (events.consumer_ended) reap_needed_ = true;
  if (events.queue_changed) next_tick_ = {};
  if (events.overflow) {
    open().log(LogLevel::notice, "inotify queue overflow; scanning");
    scan_needed_ = reap_needed_ = true;
    next_tick_ = {};
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
    next_tick_ = now + (watcher_.watching() ? kTick : kPollTick);
    scan_needed_ = reap_needed_ = true;
    open().refresh_settings();
    window_.set_strict(open().settings()->strict_order);
    give_back_abandoned();
  }
  if (tick || !watcher_.watching()) paused_ = detail::is_paused(open());
  if (window_.readmit(now)) scan_needed_ = true;
  const Time wall_clock = open().now();
  if (tick || (next_due_ && *next_due_ <= wall_clock)) {
    const detail::DueResult due = detail::move_due(open());
    next_due_ = due.next;
    if (due.moved > 0) scan_needed_ = true;
  }
  if (reap_needed_ || (next_lease_end_ && *next_lease_end_ <= wall_clock)) {
    reap_needed_ = false;
    const detail::TakenBack taken_back = detail::reap(open(), identity_->consumer());
    next_lease_end_ = taken_back.next_lease_end;
    if (taken_back.returned > 0) scan_needed_ = true;
  }
  if (now >= next_cleaning_) {
    next_cleaning_ = now + kCleaningInterval;
    detail::sweep(open());
    detail::prune_done(open());
    detail::restock(open());
  }
}

/// Claims that could not be given back when they ended. We live, so nobody else will do it.
void Consumer::Impl::give_back_abandoned() {
  for (StoredMessage& message : identity_->take_abandoned()) {
    try {
      static_cast<void>(detail::take_back(open(), message, "it could not be given back"));
    } catch (const Error& error) {
      open().warn_once(message.file, detail::escaped(error.what()));
      identity_->abandon(std::move(message));
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
  window_.clear();
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
    window_.offer(std::move(candidate));
    return;
  }
  switch (detail::classify(open(), file, type)) {
    case EntryKind::stranger: {
      auto name = detail::derive_name(open(), file);
      if (!name) return;
      candidate.name = std::move(*name);
      candidate.stranger = true;
      candidate.unsettled = !complete;
      window_.offer(std::move(candidate));
      return;
    }
    case EntryKind::not_a_message:
      try {
        detail::quarantine(open(), Folder::ready, candidate.file, "not a regular file");
      } catch (const Error& error) {
        // Not ours to move, or no room for it in bad/: it is in nobody's way where it is.
        if (!is_forbidden(error.code()) && error.code() != condition::temporary) throw;
        open().warn_once(candidate.file, detail::escaped(error.what()));
      }
      return;
    case EntryKind::message:
    case EntryKind::left_alone:
      return;
  }
}

std::optional<Claim> Consumer::Impl::claim_next() {
  // Beside other consumers the window goes stale. When so many of its names were gone that looking
  // for them has cost as much as a scan, a scan is better.
  const std::size_t losses_max = std::max(kLossesMin, names_seen_ / kNamesPerLoss);
  while (auto candidate = window_.next()) {
    if (races_lost_ > losses_max) {
      scan_needed_ = true;
      return std::nullopt;
    }
    if (auto claim = attempt(std::move(*candidate))) return claim;
  }
  return std::nullopt;
}

/// Claims the name, or finds out why not: lost, expired, not complete, not ours to touch.
std::optional<Claim> Consumer::Impl::attempt(Candidate candidate) {
  try {
    if (candidate.unsettled && !detail::is_settled(open(), candidate.file)) {
      window_.put_off(candidate.file, Clock::now() + unsettled_retry());
      return std::nullopt;
    }
    if (candidate.stranger) {
      // It may have grown since it was seen first; its id is that of the file as it is.
      auto name = detail::derive_name(open(), candidate.file);
      if (!name) return std::nullopt;
      candidate.name = std::move(*name);
    }
    const auto& expires = candidate.name.expires;
    if (expires && *expires <= open().now()) {
      detail::expire(open(), {Folder::ready, candidate.file, candidate.name});
      return std::nullopt;
    }
    const auto ballast = identity_->holds_claims() ? detail::Ballast::keep : detail::Ballast::give;
    auto message =
        detail::claim(open(), candidate.file, candidate.name, identity_->next_claim(), ballast);
    if (!message) {
      // An event may tell of a name that a scan had found before; then we were our own rival.
      if (!taken_.contains(candidate.file)) {
        ++races_lost_;
        window_.lost_race();
      }
      return std::nullopt;
    }
    if (taken_.size() >= kTakenMax) taken_.clear();
    taken_.insert(candidate.file);
    try {
      return accept(candidate, *message);
    } catch (const Error& error) {
      // Nobody has the claim, and we live: it would be nobody's as long as we do. Those behind it
      // are to come first now, in case it is this file that cannot be had.
      put_back(candidate, *message, kForbiddenRetry, error.what());
      throw;
    }
  } catch (const Error& error) {
    if (!is_forbidden(error.code())) {
      // The name is out of the window and may still be in new/.
      scan_needed_ = true;
      throw;
    }
    window_.put_off(candidate.file, Clock::now() + kForbiddenRetry);
    open().warn_once(candidate.file, detail::escaped(error.what()));
    return std::nullopt;
  }
}

/// Looks at what was claimed before anybody is handed it.
std::optional<Claim> Consumer::Impl::accept(const Candidate& candidate, StoredMessage message) {
  detail::Sys& sys = open().sys();
  struct stat status = {};
  const auto found = sys.fstatat(open().fd(Folder::claimed), message.file.c_str(), status);
  if (found.error() == ENOENT) return std::nullopt;
  if (!found.ok()) {
    detail::throw_errno(found.error(), "stat", open().path(Folder::claimed, message.file));
  }
  if (S_ISDIR(status.st_mode)) {
    put_back(candidate, message, kForbiddenRetry, "a folder");
    return std::nullopt;
  }
  // Before it is opened: opening a FIFO waits, opening a device does things.
  if (!S_ISREG(status.st_mode)) {
    detail::quarantine(open(), Folder::claimed, message.file, "not a regular file");
    return std::nullopt;
  }
  UniqueFd file;
  try {
    file = detail::open_message(open(), Folder::claimed, message.file);
  } catch (const Error& error) {
    if (!is_forbidden(error.code())) throw;
    put_back(candidate, message, kForbiddenRetry, error.what());
    return std::nullopt;
  }
  if (status.st_nlink > 1) detail::drop_other_names(open(), message);
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (message.name.size && *message.name.size != size) {
    const std::string why =
        fmt::format("it has {} bytes, its name says {}", size, *message.name.size);
    if (size < *message.name.size && may_still_grow(message, status)) {
      put_back(candidate, message, unsettled_retry(), why);
    } else {
      detail::quarantine(open(), Folder::claimed, message.file, why);
    }
    return std::nullopt;
  }
  if (candidate.stranger) {
    if (message.name.original != candidate.file) {
      detail::set_whole_name(sys, file.get(), candidate.file);
    }
    // Its writer may not have synced it, and its id must not change after a power cut.
    if (const auto synced = sys.fsync(file.get()); !synced.ok()) {
      open().durability().condemn();
      detail::throw_errno(synced.error(), "fsync", open().path(Folder::claimed, message.file));
    }
    open().durability().sync_changed({Folder::claimed});
  }
  return Claim{std::make_unique<Claim::Impl>(identity_, std::move(message), std::move(file))};
}

/// Whether a file that is too short may be one that somebody is copying just now.
bool Consumer::Impl::may_still_grow(const StoredMessage& message, const struct stat& status) {
  if (detail::has_writer(open(), Folder::claimed, message.file) == true) return true;
  const Time modified{std::chrono::seconds{status.st_mtim.tv_sec}};
  return std::chrono::abs(open().now() - modified) < kShortFileGrace;
}

/// Undoes a claim, not counted as an attempt, and leaves the name alone for a while.
void Consumer::Impl::put_back(const Candidate& candidate, const StoredMessage& message,
                              Duration retry, const std::string& why) {
  window_.put_off(candidate.file, Clock::now() + retry);
  open().warn_once(candidate.file,
                   fmt::format("new/{} left for later: {}", detail::escaped(candidate.file),
                               detail::escaped(why)));
  detail::unclaim(open(), message, candidate.file);
}

Duration Consumer::Impl::until_next_look(Clock::time_point now) {
  auto next = next_tick_;
  if (const auto retry = window_.next_retry()) next = std::min(next, *retry);
  Duration wait = std::chrono::ceil<Duration>(next - now);
  const Time wall_clock = open().now();
  if (next_due_) wait = std::min(wait, *next_due_ - wall_clock + due_jitter_);
  if (next_lease_end_) wait = std::min(wait, *next_lease_end_ - wall_clock);
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
void Consumer::stop() noexcept { impl_->stop(); }
int Consumer::fd() { return impl_->fd(); }
Queue Consumer::queue() const { return impl_->queue(); }

}  // namespace spoolq
