// The rules of completeness.
#include "producer/adopt/completeness.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <tuple>
#include <utility>

#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "spoolq/units.hpp"

namespace spoolq {
std::string_view to_string(Completion completion) {
  switch (completion) {
    case Completion::automatic:
      return "auto";
    case Completion::rename:
      return "rename";
    case Completion::close:
      return "close";
    case Completion::stable:
      return "stable";
    case Completion::marker:
      return "marker";
    case Completion::lease:
      break;
  }
  return "lease";
}

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::take:
      return "take";
    case Verdict::wait:
      return "wait";
    case Verdict::reject:
      return "reject";
    case Verdict::ignore:
      break;
  }
  return "ignore";
}

namespace detail {
namespace {

constexpr std::array<std::string_view, 2> kMarkerEndings{".done", ".ok"};
constexpr Duration kStableSettle{5000};
/// How much longer than `settle` we wait for a file whose writers we may not ask about.
constexpr int kBlindFactor = 10;

Duration settle_of(const AdoptOptions& options, Duration of_queue) {
  if (options.settle) return *options.settle;
  if (options.done == Completion::stable) return kStableSettle;
  return options.done == Completion::lease ? Duration{0} : of_queue;
}

auto order(const struct timespec& time) { return std::pair{time.tv_sec, time.tv_nsec}; }

bool is_same(const struct stat& one, const struct stat& two) {
  return one.st_ino == two.st_ino && one.st_size == two.st_size &&
         order(one.st_mtim) == order(two.st_mtim) && order(one.st_ctim) == order(two.st_ctim);
}

/// Whether it looks as a file does that was written elsewhere and linked here; delivery agents do
/// that, and their tmp/ may be gone by now.
bool is_linked(std::string_view file, const struct stat& status) {
  return status.st_nlink > 1 || is_maildir_name(file);
}

Assessment take(std::string reason) { return {Verdict::take, std::move(reason)}; }
Assessment wait(std::string reason, std::optional<Duration> settles_in = {}) {
  return {Verdict::wait, std::move(reason), settles_in};
}

}  // namespace

void Observation::look(const struct stat& now, const struct timespec& now_born,
                       Clock::time_point at) {
  const bool is_another = status.st_ino != now.st_ino || order(born) != order(now_born);
  if (status.st_ino != 0 && is_another) *this = {};
  if (!is_same(status, now)) unchanged_since = at;
  status = now;
  born = now_born;
}

Completeness::Completeness(Sys& sys, int directory, const AdoptOptions& options, Duration settle)
    : sys_{sys}, directory_{directory}, done_{options.done}, settle_{settle_of(options, settle)} {}

std::vector<std::string> Completeness::markers_of(const std::string& file) const {
  std::vector<std::string> markers;
  if (done_ != Completion::marker) return markers;
  for (const std::string_view ending : kMarkerEndings) {
    std::string marker = file + std::string{ending};
    struct stat found = {};
    const bool is_there = sys_.fstatat(directory_, marker.c_str(), found).ok();
    if (is_there && S_ISREG(found.st_mode)) markers.push_back(std::move(marker));
  }
  return markers;
}

std::string Completeness::marked_by(const std::string& file) const {
  if (done_ != Completion::marker) return {};
  for (const std::string_view ending : kMarkerEndings) {
    if (file.size() > ending.size() && file.ends_with(ending) && markers_of(file).empty()) {
      return file.substr(0, file.size() - ending.size());
    }
  }
  return {};
}

std::optional<std::string> Completeness::reason_to_ignore(const std::string& file,
                                                          mode_t mode) const {
  if (S_ISDIR(mode)) return "a folder";
  if (is_temporary_name(file)) return "a temporary name";
  if (!marked_by(file).empty()) return "a marker";
  return std::nullopt;
}

Assessment Completeness::assess(const std::string& file, const Observation& observation,
                                Observation::Clock::time_point at, Time now) const {
  // By the time of the last change of the inode, which no writer can set back. A clock that was set
  // back, or is another machine's, counts as time gone by; so does what we have seen ourselves.
  const struct timespec& changed = observation.status.st_ctim;
  const Time changed_at{
      Duration{std::int64_t{changed.tv_sec} * 1000 + changed.tv_nsec / 1'000'000}};
  const Duration seen = std::chrono::duration_cast<Duration>(at - observation.unchanged_since);
  const Duration age = std::max(std::chrono::abs(now - changed_at), seen);
  switch (done_) {
    case Completion::marker:
      return assess_marker(file, observation.status);
    case Completion::stable:
      return settled(observation, seen, settle_, "");
    case Completion::rename:
      if (observation.created && !is_linked(file, observation.status)) {
        return wait("written in place: --done=rename takes what is renamed into the folder");
      }
      break;
    case Completion::close:
    case Completion::automatic:
    case Completion::lease:
      break;
  }
  return assess_by_writers(file, observation, age);
}

Assessment Completeness::assess_by_writers(const std::string& file, const Observation& observation,
                                           Duration age) const {
  const auto writer = has_writer(sys_, directory_, file);
  // Some rename a file before they have written and closed it.
  if (writer == true) {
    return {.reason = "a process has it open for writing", .written = true};
  }
  if (done_ == Completion::close && observation.closed) {
    return settled(observation, age, settle_, "closed by its writer");
  }
  if (observation.renamed && done_ != Completion::lease) return take("renamed here");
  if (done_ == Completion::lease) {
    if (!writer) return wait("cannot ask whether it is open for writing: another user's file");
    return settled(observation, age, settle_, "no process has it open for writing");
  }
  // Where the kernel does not report writers, neither a link nor the name counts: a backup may
  // have linked to a file that its writer still has open.
  const bool has_links = observation.status.st_nlink > 1;
  const bool linked = writer == false && is_linked(file, observation.status);
  if (linked && (done_ == Completion::automatic || done_ == Completion::rename)) {
    // A placeholder may happen to have such a name.
    const Duration doubt = settle_ * kBlindFactor;
    if (!has_links && observation.status.st_size == 0 && age < doubt) {
      return wait("empty: it may be filled later", doubt - age);
    }
    return take(has_links ? "it has a second link" : "it has the name of a delivery agent");
  }
  // Who may not ask waits longer.
  return writer ? settled(observation, age, settle_, "no process has it open for writing")
                : settled(observation, age, settle_ * kBlindFactor, "another user's file");
}

Assessment Completeness::settled(const Observation& observation, Duration age, Duration settle,
                                 std::string_view how) const {
  if (observation.status.st_size == 0) return wait("empty: it may be filled later");
  const std::string span = format_duration(settle);
  if (age < settle) return wait(fmt::format("not left alone for {} yet", span), settle - age);
  const std::string unchanged = settle == Duration{0} ? "" : "unchanged for " + span;
  return take(fmt::format("{}{}{}", how, how.empty() || unchanged.empty() ? "" : ", ", unchanged));
}

Assessment Completeness::assess_marker(const std::string& file, const struct stat& status) const {
  for (const std::string& marker : markers_of(file)) {
    struct stat found = {};
    if (marked_by(marker).empty() || !sys_.fstatat(directory_, marker.c_str(), found).ok())
      continue;
    // One that is left of another file of this name is older by both clocks; a file that was
    // renamed after its marker was made, or has a time in the future, is so by one.
    if (order(found.st_mtim) < order(status.st_mtim) &&
        order(found.st_ctim) < order(status.st_ctim)) {
      return wait(fmt::format("it was changed after its marker {} was made", escaped(marker)));
    }
    return take(fmt::format("its marker {} is there", escaped(marker)));
  }
  return wait(fmt::format("no marker: {}.done or {}.ok", escaped(file), escaped(file)));
}

}  // namespace detail
}  // namespace spoolq
