// Taking the files of a folder: what is known of each, when to look again, what to do then.
#include "spoolq/adopter.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <utility>

#include "producer/adopt/adopted_folder.hpp"
#include "producer/adopt/completeness.hpp"
#include "producer/adopt/inbox_watch.hpp"
#include "producer/adopt/known_files.hpp"
#include "producer/adopt/rejection.hpp"
#include "producer/adopt/transfer.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/os/wake.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {
namespace {

using detail::Arrival;
using detail::Judgement;
using detail::Sighting;
using detail::Transferred;
using Clock = Sighting::Clock;

/// So many files share the syncs of folders.
constexpr std::size_t kBatchMax = 64;
/// How long one pass waits for what is settling.
constexpr Duration kPatience{5000};
/// How often all names are read anew: where events tell of them, and where nothing does.
constexpr Duration kRescan{4000};
constexpr Duration kPollInterval{500};
/// What waits for more than time is looked at again after this, with or without an event.
constexpr Duration kWaitingRetry{2000};
/// What is not meant is looked at again after this, in case that was not told.
constexpr Duration kIgnoredRetry{30'000};
/// The kernel tells that a file is closed just before it has no writer any more.
constexpr Duration kWriterRetry{100};
/// After an error that is about one file, and while the queue is full.
constexpr Duration kForbiddenRetry{5000};
constexpr Duration kFullRetry{1000};
/// What is known to be settling is looked at a little later than it may be ready.
constexpr Duration kMargin{2};

std::string kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISFIFO(mode)) return "a FIFO";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

Appraisal appraisal_of(const std::string& file, const Judgement& judgement) {
  return {.file = file, .verdict = judgement.verdict, .reason = judgement.reason};
}

}  // namespace

class [[gnu::visibility("hidden")]] Adopter::Impl {
 public:
  Impl(Queue queue, const std::filesystem::path& directory, AdoptOptions options);

  std::vector<Appraisal> appraise();
  void adopt(const Report& report);
  void follow(const Report& report);
  void stop() noexcept {
    stopped_ = true;
    wake_.set();
  }

 private:
  using Known = detail::KnownFile;
  using Files = detail::KnownFiles;

  [[nodiscard]] detail::OpenQueue& open() const { return *detail::QueueAccess::open(queue_); }
  [[nodiscard]] Duration queue_settle() const { return open().settings()->settle; }
  /// The end of a run: the next one is not stopped.
  void finish();
  void scan() { files_.scan(open().sys(), directory_.get(), path_); }
  bool look(Files::iterator file, const detail::Transfer& transfer);
  [[nodiscard]] std::vector<std::string> markers_of(const std::string& file) const;
  [[nodiscard]] Arrival arrival_of(const std::string& file, const Known& known) const;
  void look_at_due(detail::Transfer& transfer, const Report& report);
  void take(detail::Transfer& transfer, std::vector<Files::iterator>& batch, const Report& report);
  void settle_outcome(detail::Transfer& transfer, Files::iterator file, const Transferred& outcome,
                      const Report& report);
  void reject(detail::Transfer& transfer, Files::iterator file, const std::string& reason,
              const Report& report);
  void put_off(Files::iterator file, const Appraisal& why, Duration retry, const Report& report);
  [[nodiscard]] detail::TransferOptions transfer_options(bool look_only) const {
    // These two rules do not ask who writes.
    const bool despite_writers =
        options_.done == Completion::stable || options_.done == Completion::marker;
    return {.keep = options_.keep, .despite_writers = despite_writers, .look_only = look_only};
  }

  Queue queue_;
  AdoptOptions options_;
  std::string path_;
  detail::UniqueFd directory_;
  detail::Completeness completeness_;
  detail::Wake wake_;
  std::atomic<bool> stopped_{false};
  Files files_;
  bool full_ = false;             ///< The queue refused the last one for now.
  std::optional<Error> refusal_;  ///< What for.
};

Adopter::Impl::Impl(Queue queue, const std::filesystem::path& directory, AdoptOptions options)
    : queue_{std::move(queue)},
      options_{options},
      path_{detail::canonical_path(directory.string())},
      directory_{detail::open_directory(open().sys(), path_)},
      completeness_{open().sys(), directory_.get(), options, queue_settle()} {
  open().require_own_process("take into");
  detail::require_foreign_folder(open(), directory_.get(), path_);
}

/// The markers that are nobody else's file.
std::vector<std::string> Adopter::Impl::markers_of(const std::string& file) const {
  std::vector<std::string> markers = completeness_.markers_of(file);
  std::erase_if(markers, [this](const std::string& marker) {
    return completeness_.marked_by(marker).empty();
  });
  return markers;
}

Arrival Adopter::Impl::arrival_of(const std::string& file, const Known& known) const {
  Arrival arrival{.file = file, .status = known.sighting.status, .born = known.sighting.born};
  // All of them go, also those of a file that was taken before: what stays would vouch for the next
  // one. In a folder that is kept, markers stay as well.
  if (!options_.keep) arrival.markers = markers_of(file);
  return arrival;
}

/// Judges a file as it is now. False when it is gone.
bool Adopter::Impl::look(Files::iterator file, const detail::Transfer& transfer) {
  const auto& name = file->first;
  Known& known = file->second;
  struct stat status = {};
  struct timespec born = {};
  const auto found = open().sys().statx(directory_.get(), name.c_str(), status, born);
  if (found.error() == ENOENT) return false;
  if (!found.ok()) detail::throw_errno(found.error(), "stat", path_ + "/" + name);
  const Clock::time_point now = Clock::now();
  known.sighting.look(status, born, now);
  known.judgement = {};
  if (const auto why = completeness_.reason_to_ignore(name, status.st_mode)) {
    known.judgement = {Verdict::ignore, *why};
  } else if (!S_ISREG(status.st_mode)) {
    known.judgement = {Verdict::reject, "not a regular file: " + kind_of(status.st_mode)};
  } else {
    const Arrival arrival = arrival_of(name, known);
    if (transfer.folder().has_taken(arrival)) {
      known.judgement = options_.keep
                            ? Judgement{Verdict::ignore, "taken before"}
                            : Judgement{Verdict::take, "taken before: it is only removed"};
    } else {
      known.judgement = completeness_.judge(name, known.sighting, now, open().now());
      if (known.judgement.verdict == Verdict::wait && transfer.folder().has_begun(arrival)) {
        known.judgement = {Verdict::take, "its marker was there"};
      }
    }
  }
  const auto settles_in = known.judgement.settles_in;
  const Duration retry = known.judgement.verdict == Verdict::ignore ? kIgnoredRetry
                         : known.judgement.written                  ? kWriterRetry
                                                                    : kWaitingRetry;
  known.next_look = now + (settles_in ? *settles_in + kMargin : retry);
  return true;
}

std::vector<Appraisal> Adopter::Impl::appraise() {
  const detail::Transfer transfer{open(), path_, transfer_options(true)};
  std::vector<Appraisal> appraisals;
  const auto max_size = open().settings()->max_size;
  scan();
  for (auto file = files_.begin(); file != files_.end();) {
    const auto current = file++;
    if (!look(current, transfer)) continue;
    Appraisal& appraisal =
        appraisals.emplace_back(appraisal_of(current->first, current->second.judgement));
    const auto size = static_cast<std::uint64_t>(current->second.sighting.status.st_size);
    if (appraisal.verdict == Verdict::take && max_size && size > *max_size) {
      appraisal.verdict = Verdict::reject;
      appraisal.reason = "larger than max_size";
    }
  }
  files_.clear();
  return appraisals;
}

void Adopter::Impl::adopt(const Report& report) {
  detail::Transfer transfer{open(), path_, transfer_options(false)};
  scan();
  look_at_due(transfer, report);
  const Duration patience =
      options_.done == Completion::stable ? completeness_.settle() + kPatience : kPatience;
  // From now on, because taking what is there already may have taken longer.
  const Clock::time_point end = Clock::now() + patience;
  while (!stopped_ && !full_ && files_.settles_before(end)) {
    detail::wait_for(wake_, files_.time_to_next_look(kRescan));
    look_at_due(transfer, report);
  }
  if (full_ && !stopped_) throw Error{*refusal_};
  for (const auto& [name, known] : files_) {
    if (known.judgement.verdict != Verdict::wait || !known.reported.empty()) continue;
    report(appraisal_of(name, known.judgement));
  }
  finish();
}

void Adopter::Impl::follow(const Report& report) {
  detail::Transfer transfer{open(), path_, transfer_options(false)};
  const detail::InboxWatch watch{open(), directory_.get(), path_, wake_};
  const Duration interval = watch.watching() ? kRescan : kPollInterval;
  Clock::time_point next_scan{};
  while (!stopped_) {
    const auto events = watch.collect();
    if (!events || Clock::now() >= next_scan) {
      detail::require_in_place(open(), directory_.get(), path_);
      scan();
      next_scan = Clock::now() + interval;
    }
    // Also of what happened before the scan: only events tell how a file came.
    if (events) files_.note(*events, completeness_);
    look_at_due(transfer, report);
    const auto to_scan = std::chrono::ceil<Duration>(next_scan - Clock::now());
    watch.wait(full_ ? kFullRetry : std::min(to_scan, files_.time_to_next_look(kRescan)));
  }
  finish();
}

void Adopter::Impl::finish() {
  files_.clear();
  static_cast<void>(wake_.clear());
  stopped_ = false;
}

/// Looks at every file whose time has come, and takes what is complete.
void Adopter::Impl::look_at_due(detail::Transfer& transfer, const Report& report) {
  full_ = false;
  std::vector<Files::iterator> batch;
  const Clock::time_point now = Clock::now();
  for (auto file = files_.begin(); file != files_.end() && !full_ && !stopped_;) {
    const auto current = file++;
    if (current->second.next_look > now) continue;
    if (!look(current, transfer)) {
      files_.erase(current);
    } else if (current->second.judgement.verdict == Verdict::reject) {
      reject(transfer, current, current->second.judgement.reason, report);
    } else if (current->second.judgement.verdict == Verdict::take) {
      batch.push_back(current);
      if (batch.size() == kBatchMax) take(transfer, batch, report);
    }
  }
  if (!full_) take(transfer, batch, report);
}

void Adopter::Impl::take(detail::Transfer& transfer, std::vector<Files::iterator>& batch,
                         const Report& report) {
  if (batch.empty() && !transfer.has_kept()) return;
  std::vector<Arrival> arrivals;
  arrivals.reserve(batch.size());
  for (const auto& file : batch) arrivals.push_back(arrival_of(file->first, file->second));
  const std::vector<Transferred> outcomes = transfer.take(arrivals);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    settle_outcome(transfer, batch[i], outcomes[i], report);
  }
  batch.clear();
}

void Adopter::Impl::settle_outcome(detail::Transfer& transfer, Files::iterator file,
                                   const Transferred& outcome, const Report& report) {
  Known& known = file->second;
  switch (outcome.outcome) {
    case Transferred::Outcome::taken:
      report({.file = file->first,
              .verdict = Verdict::take,
              .reason = known.judgement.reason,
              .id = outcome.id});
      break;
    case Transferred::Outcome::forgotten:
      break;
    case Transferred::Outcome::changed:
      known.put_back = outcome.was_put_back;
      known.judgement = {Verdict::wait, "it changed while it was looked at"};
      known.judgement.settles_in = kMargin;
      known.next_look = Clock::now() + kMargin;
      return;
    case Transferred::Outcome::refused: {
      if (outcome.error == errc::too_large) {
        reject(transfer, file, outcome.reason, report);
        return;
      }
      const Appraisal why{.file = file->first, .reason = outcome.reason, .error = outcome.error};
      if (outcome.error == condition::temporary) {
        full_ = true;
        refusal_.emplace(outcome.error, "adopt", path_ + "/" + file->first);
        put_off(file, why, kFullRetry, report);
      } else {
        put_off(file, why, kForbiddenRetry, report);
      }
      return;
    }
  }
  // A kept file is known to the journal from now on.
  if (options_.keep) {
    known.judgement = {Verdict::ignore, "taken before"};
    known.next_look = Clock::now() + kIgnoredRetry;
  } else {
    files_.erase(file);
  }
}

void Adopter::Impl::reject(detail::Transfer& transfer, Files::iterator file,
                           const std::string& reason, const Report& report) {
  const Appraisal appraisal{.file = file->first, .verdict = Verdict::reject, .reason = reason};
  if (options_.keep) {
    if (std::exchange(file->second.reported, reason) != reason) report(appraisal);
    return;
  }
  const Arrival arrival = arrival_of(file->first, file->second);
  try {
    if (!transfer.discard_markers(arrival) ||
        !detail::reject_file(open().sys(), directory_.get(), path_, file->first,
                             file->second.sighting.status, reason)) {
      // Another file has its name.
      file->second.next_look = Clock::now() + kMargin;
      return;
    }
  } catch (const Error& error) {
    put_off(file,
            {.file = file->first,
             .reason =
                 fmt::format("{}; and it cannot be moved to .rejected/: {}", reason, error.what()),
             .error = error.code()},
            kForbiddenRetry, report);
    return;
  }
  transfer.forget(arrival);
  files_.erase(file);
  report(appraisal);
}

/// It cannot be taken now; that is reported once.
void Adopter::Impl::put_off(Files::iterator file, const Appraisal& why, Duration retry,
                            const Report& report) {
  Known& known = file->second;
  known.judgement = {Verdict::wait, why.reason};
  known.next_look = Clock::now() + retry;
  // The text of one and the same error may have numbers that change.
  const std::string reported = why.error ? why.error.message() : why.reason;
  if (std::exchange(known.reported, reported) == reported) return;
  report(why);
}

Adopter::Adopter(Queue queue, const std::filesystem::path& directory, AdoptOptions options)
    : impl_{std::make_unique<Impl>(std::move(queue), directory, options)} {}
Adopter::Adopter(Adopter&&) noexcept = default;
Adopter& Adopter::operator=(Adopter&&) noexcept = default;
Adopter::~Adopter() = default;

std::vector<Appraisal> Adopter::appraise() { return impl_->appraise(); }
void Adopter::adopt(const Report& report) { impl_->adopt(report); }
void Adopter::follow(const Report& report) { impl_->follow(report); }
void Adopter::stop() noexcept { impl_->stop(); }

}  // namespace spoolq
