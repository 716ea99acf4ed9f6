// Assessing the files of an adopted folder, and what follows from that.
#include "producer/adopt/adoption.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <utility>

#include "producer/adopt/rejection.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

using Clock = Adoption::Clock;

/// So many files share the syncs of folders.
constexpr std::size_t kBatchMax = 64;
/// What waits for more than time is looked at again after this, with or without an event.
constexpr Duration kWaitingRetry{2000};
/// An ignored file is looked at again after this, in case no event came.
constexpr Duration kIgnoredRetry{30'000};
/// The kernel reports that a file is closed just before the file has no writer any more.
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

Appraisal appraisal_of(const std::string& file, const Assessment& assessment) {
  return {.file = file, .verdict = assessment.verdict, .reason = assessment.reason};
}

TransferOptions options_of(const AdoptOptions& options, bool look_only) {
  // These two rules do not ask about writers.
  const bool despite_writers =
      options.done == Completion::stable || options.done == Completion::marker;
  return {.keep = options.keep, .despite_writers = despite_writers, .look_only = look_only};
}

Arrival arrival_of(const AdoptedFolder& folder, const std::string& file, const KnownFile& known) {
  Arrival arrival{.file = file, .status = known.observation.status, .born = known.observation.born};
  // All of them go, also those of a file that was taken before: what stays would vouch for the next
  // one. In a folder that is kept, markers stay as well.
  if (folder.options().keep) return arrival;
  const Completeness& completeness = folder.completeness();
  arrival.markers = completeness.markers_of(file);
  // A file that has a marker itself is none.
  std::erase_if(arrival.markers,
                [&](const std::string& marker) { return completeness.marked_by(marker).empty(); });
  return arrival;
}

/// Assesses what `known` says of a file. `now` is the time of that.
Assessment assess(const AdoptedFolder& folder, const TransferFolder& source,
                  const std::string& file, const KnownFile& known, Clock::time_point now) {
  const Completeness& completeness = folder.completeness();
  const mode_t mode = known.observation.status.st_mode;
  if (const auto why = completeness.reason_to_ignore(file, mode)) return {Verdict::ignore, *why};
  if (!S_ISREG(mode)) return {Verdict::reject, "not a regular file: " + kind_of(mode)};
  const Arrival arrival = arrival_of(folder, file, known);
  if (source.has_taken(arrival)) {
    if (folder.options().keep) return {Verdict::ignore, "taken before"};
    return {Verdict::take, "taken before: it is only removed"};
  }
  Assessment assessment = completeness.assess(file, known.observation, now, folder.queue().now());
  if (assessment.verdict == Verdict::wait && source.has_begun(arrival)) {
    return {Verdict::take, "its marker was there"};
  }
  return assessment;
}

/// Assesses a file as it is now. False when it is gone.
bool look(const AdoptedFolder& folder, const TransferFolder& source, const std::string& file,
          KnownFile& known) {
  struct stat status = {};
  struct timespec born = {};
  const auto found = folder.queue().sys().statx(folder.descriptor(), file.c_str(), status, born);
  if (found.error() == ENOENT) return false;
  if (!found.ok()) throw_errno(found.error(), "stat", folder.path() + "/" + file);
  const Clock::time_point now = Clock::now();
  known.observation.look(status, born, now);
  known.assessment = assess(folder, source, file, known, now);
  const auto settles_in = known.assessment.settles_in;
  const Duration retry = known.assessment.verdict == Verdict::ignore ? kIgnoredRetry
                         : known.assessment.written                  ? kWriterRetry
                                                                     : kWaitingRetry;
  known.next_look = now + (settles_in ? *settles_in + kMargin : retry);
  return true;
}

}  // namespace

Adoption::Adoption(const AdoptedFolder& folder, const std::atomic<bool>& stopped,
                   const Report& report)
    : folder_{folder},
      stopped_{stopped},
      report_{report},
      transfer_{folder.queue(), folder.path(), options_of(folder.options(), false)} {}

std::vector<Appraisal> Adoption::appraise(const AdoptedFolder& folder) {
  const Transfer transfer{folder.queue(), folder.path(), options_of(folder.options(), true)};
  std::vector<Appraisal> appraisals;
  const auto max_size = folder.queue().settings()->max_size;
  Files files;
  files.scan(folder.queue().sys(), folder.descriptor(), folder.path());
  for (auto& [name, known] : files) {
    if (!look(folder, transfer.folder(), name, known)) continue;
    Appraisal& appraisal = appraisals.emplace_back(appraisal_of(name, known.assessment));
    const auto size = static_cast<std::uint64_t>(known.observation.status.st_size);
    if (appraisal.verdict == Verdict::take && max_size && size > *max_size) {
      appraisal.verdict = Verdict::reject;
      appraisal.reason = "larger than max_size";
    }
  }
  return appraisals;
}

void Adoption::report_waiting() const {
  for (const auto& [name, known] : files_) {
    if (known.assessment.verdict != Verdict::wait || !known.reported.empty()) continue;
    report_(appraisal_of(name, known.assessment));
  }
}

void Adoption::look_at_due() {
  refusal_.reset();
  std::vector<Files::iterator> batch;
  const Clock::time_point now = Clock::now();
  for (auto file = files_.begin(); file != files_.end() && !refusal_ && !stopped_;) {
    const auto current = file++;
    KnownFile& known = current->second;
    if (known.next_look > now) continue;
    if (!look(folder_, transfer_.folder(), current->first, known)) {
      files_.erase(current);
    } else if (known.assessment.verdict == Verdict::reject) {
      reject(current, known.assessment.reason);
    } else if (known.assessment.verdict == Verdict::take) {
      batch.push_back(current);
      if (batch.size() == kBatchMax) take(batch);
    }
  }
  if (!refusal_) take(batch);
}

void Adoption::take(std::vector<Files::iterator>& batch) {
  if (batch.empty() && !transfer_.has_kept()) return;
  std::vector<Arrival> arrivals;
  arrivals.reserve(batch.size());
  for (const auto& file : batch) {
    arrivals.push_back(arrival_of(folder_, file->first, file->second));
  }
  const std::vector<Transferred> outcomes = transfer_.take(arrivals);
  for (std::size_t i = 0; i < batch.size(); ++i) settle(batch[i], outcomes[i]);
  batch.clear();
}

void Adoption::settle(Files::iterator file, const Transferred& transferred) {
  KnownFile& known = file->second;
  const Appraisal appraisal = appraisal_of(file->first, known.assessment.reason, transferred);
  switch (transferred.outcome) {
    case Transferred::Outcome::taken:
      report_(appraisal);
      break;
    case Transferred::Outcome::forgotten:
      break;
    case Transferred::Outcome::changed:
      known.put_back = transferred.was_put_back;
      known.assessment = {Verdict::wait, appraisal.reason, kMargin};
      known.next_look = Clock::now() + kMargin;
      return;
    case Transferred::Outcome::refused: {
      if (transferred.error == errc::too_large) return reject(file, transferred.reason);
      const bool is_full = transferred.error == condition::temporary;
      if (is_full) refusal_.emplace(transferred.error, "adopt", folder_.path() + "/" + file->first);
      return put_off(file, appraisal, is_full ? kFullRetry : kForbiddenRetry);
    }
  }
  // A kept file is known to the journal from now on.
  if (folder_.options().keep) {
    known.assessment = {Verdict::ignore, "taken before"};
    known.next_look = Clock::now() + kIgnoredRetry;
  } else {
    files_.erase(file);
  }
}

void Adoption::reject(Files::iterator file, const std::string& reason) {
  auto& [name, known] = *file;
  const Appraisal appraisal{.file = name, .verdict = Verdict::reject, .reason = reason};
  if (folder_.options().keep) {
    if (std::exchange(known.reported, reason) != reason) report_(appraisal);
    return;
  }
  const Arrival arrival = arrival_of(folder_, name, known);
  try {
    if (!transfer_.discard_markers(arrival) ||
        !reject_file(folder_.queue().sys(), folder_.descriptor(), folder_.path(), name,
                     known.observation.status, reason)) {
      // Another file has its name.
      known.next_look = Clock::now() + kMargin;
      return;
    }
  } catch (const Error& error) {
    const std::string why =
        fmt::format("{}; and it cannot be moved to .rejected/: {}", reason, error.what());
    return put_off(file, {.file = name, .reason = why, .error = error.code()}, kForbiddenRetry);
  }
  transfer_.forget(arrival);
  files_.erase(file);
  report_(appraisal);
}

/// It cannot be taken now; that is reported once.
void Adoption::put_off(Files::iterator file, const Appraisal& why, Duration retry) {
  KnownFile& known = file->second;
  known.assessment = {Verdict::wait, why.reason};
  known.next_look = Clock::now() + retry;
  // The text of one and the same error may have numbers that change.
  const std::string reported = why.error ? why.error.message() : why.reason;
  if (std::exchange(known.reported, reported) == reported) return;
  report_(why);
}

}  // namespace spoolq::detail
