// Whether a file that another program writes is complete: the rules, without the waiting.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "queue/os/sys.hpp"
#include "spoolq/adopter.hpp"

namespace spoolq::detail {

/// What has been seen of a file so far. A file that was there before us has only a status.
struct Observation {
  using Clock = std::chrono::steady_clock;

  struct stat status = {};
  struct timespec born = {};
  Clock::time_point unchanged_since{};  ///< By our own looks.
  bool renamed = false;                 ///< It was seen to come by rename.
  bool created = false;                 ///< It was seen to come otherwise.
  bool closed = false;                  ///< A writer was seen to close it.

  /// Takes the status of another look. What was seen of another file of that name is forgotten.
  void look(const struct stat& now, const struct timespec& now_born, Clock::time_point at);
};

struct Assessment {
  Verdict verdict = Verdict::wait;
  std::string reason{};
  std::optional<Duration> settles_in{};  ///< Nothing but so much time is missing.
  bool written = false;                  ///< A process has it open for writing.
};

/// The rules of one Completion. Looks at files through `sys`, in the folder `directory`.
class Completeness {
 public:
  /// `settle` is the queue's setting.
  Completeness(Sys& sys, int directory, const AdoptOptions& options, Duration settle);

  /// Why a file with this name and type is never taken; nothing: it may be.
  [[nodiscard]] std::optional<std::string> reason_to_ignore(const std::string& file,
                                                            mode_t mode) const;
  /// Assesses a regular file that is not ignored. `now` is the system clock.
  [[nodiscard]] Assessment assess(const std::string& file, const Observation& observation,
                                  Observation::Clock::time_point at, Time now) const;
  /// The file that a marker vouches for; empty when it is no marker. What has a marker itself is
  /// none, whatever its name.
  [[nodiscard]] std::string marked_by(const std::string& file) const;
  /// The markers that there are of a file, where they count.
  [[nodiscard]] std::vector<std::string> markers_of(const std::string& file) const;

  [[nodiscard]] Duration settle() const { return settle_; }

 private:
  [[nodiscard]] Assessment settled(const Observation& observation, Duration age, Duration settle,
                                   std::string_view how) const;
  [[nodiscard]] Assessment assess_by_writers(const std::string& file,
                                             const Observation& observation, Duration age) const;
  [[nodiscard]] Assessment assess_marker(const std::string& file, const struct stat& status) const;

  Sys& sys_;
  int directory_;
  Completion done_;
  Duration settle_;
};

}  // namespace spoolq::detail
