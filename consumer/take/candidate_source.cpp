// Scans of new/, and the names that events tell.
#include "consumer/take/candidate_source.hpp"

#include <dirent.h>

#include <algorithm>

#include "queue/os/directory_scan.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

constexpr std::size_t kCapacity = 1024;
/// A rename that comes too late costs about as much as reading so many names.
constexpr std::size_t kNamesPerLoss = 16;
constexpr std::size_t kLossesMin = 32;
/// So many claims of this consumer are told apart from lost races.
constexpr std::size_t kClaimedMax = 4096;
/// An incomplete file is not looked at more often than this, whatever `settle` says.
constexpr Duration kUnsettledRetryMin{100};

}  // namespace

CandidateSource::CandidateSource(ConsumerIdentity& identity)
    : identity_{identity}, queue_{identity.queue()}, candidates_{kCapacity} {}

void CandidateSource::note(const Events& events) {
  if (events.overflow) {
    queue_.log(LogLevel::notice, "inotify queue overflow; scanning");
    // What was told of a file may be true of an earlier one of its name.
    forget();
  }
  for (const std::string& file : identity_.take_deferred()) defer_to_settle(file);
  // If one of them throws, a scan finds the rest.
  const bool scan_needed = std::exchange(scan_needed_, true);
  for (const auto& [file, complete] : events.ready) {
    offer(file, DT_UNKNOWN, complete && !events.overflow);
  }
  scan_needed_ = scan_needed;
}

void CandidateSource::scan() {
  // If the scan fails, it must be made again before any name it has seen is tried: a better name
  // may be among those it has not seen. What events told of a file still holds.
  arrived_ = candidates_.arrived();
  forget();
  names_seen_ = races_lost_ = 0;
  claimed_.clear();
  queue_.store().scan_files(State::ready, [this](const DirectoryEntry& entry) {
    ++names_seen_;
    offer(entry.name, entry.type, /*complete=*/false);
    return true;
  });
  arrived_.clear();
  scan_needed_ = false;
  scanned_ = true;
}

void CandidateSource::forget() {
  candidates_.clear();
  scanned_ = false;
  scan_needed_ = true;
}

void CandidateSource::tick() {
  scan_needed_ = true;
  candidates_.set_strict(queue_.settings()->strict_order);
}

void CandidateSource::retry_deferred(Clock::time_point now) {
  if (candidates_.retry_deferred(now)) scan_needed_ = true;
}

Duration CandidateSource::until_retry(Clock::time_point now) const {
  const auto retry = candidates_.next_retry();
  return retry ? std::chrono::ceil<Duration>(*retry - now) : Duration::max();
}

std::optional<Candidate> CandidateSource::next() {
  // Events alone may have told of what came last, and of nothing that came before.
  if (!scanned_) return std::nullopt;
  auto candidate = candidates_.next();
  if (!candidate) races_lost_ = 0;
  if (candidate && races_lost_ > std::max(kLossesMin, names_seen_ / kNamesPerLoss)) {
    scan_needed_ = true;
    return std::nullopt;
  }
  return candidate;
}

void CandidateSource::claimed(const std::string& file) {
  contended_ = false;
  if (claimed_.size() >= kClaimedMax) claimed_.clear();
  claimed_.insert(file);
}

void CandidateSource::lost(const std::string& file) {
  // An event may tell of a name that a scan found before. Then this consumer was its own rival.
  if (claimed_.contains(file)) return;
  contended_ = true;
  ++races_lost_;
  candidates_.lost_race();
}

void CandidateSource::defer(const std::string& file, Duration span) {
  candidates_.defer(file, Clock::now() + span);
}

void CandidateSource::defer_to_settle(const std::string& file) {
  settling_until_ = Clock::now() + std::max(kUnsettledRetryMin, queue_.settings()->settle);
  candidates_.defer(file, settling_until_);
}

/// Makes a name of new/ a candidate, if it is a message.
void CandidateSource::offer(std::string_view file, unsigned char type, bool complete) {
  if (auto name = parse_name(file); name && (type == DT_UNKNOWN || type == DT_REG)) {
    // A name of ours. If the type is not known, the look after the claim finds it out.
    return candidates_.offer({.file = std::string{file}, .name = std::move(*name)});
  }
  const EntryKind kind = classify(queue_, file, type);
  if (kind == EntryKind::foreign) {
    if (auto name = queue_.store().derive_name(Store::place(State::ready, file), file)) {
      const bool arrived = complete || arrived_.contains(format_name(*name));
      candidates_.offer({.file = std::string{file},
                         .name = std::move(*name),
                         .stranger = true,
                         .unsettled = !arrived});
    }
  } else if (kind == EntryKind::not_a_message) {
    const std::string name{file};
    try {
      queue_.store().quarantine_unless_regular(Store::place(State::ready, name));
    } catch (const Error& error) {
      // Not ours to move, or no room for it in bad/: it does no harm where it is.
      if (!is_forbidden(error.code()) && error.code() != condition::temporary) throw;
      queue_.warn_once(name, escaped(error.what()));
    }
  }
}

}  // namespace spoolq::detail
