// When a consumer does which part of the queue's maintenance.
#pragma once

#include <set>

#include "consumer/take/claim.hpp"
#include "consumer/wait/watcher.hpp"
#include "queue/maintenance/due.hpp"
#include "queue/maintenance/reap.hpp"

namespace spoolq::detail {

/// Does what any consumer does for all: delayed messages that are due, claims of dead consumers,
/// claims at the end of their lease, clean-up. Each part does only what is due now. One thread.
class MaintenanceSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  explicit MaintenanceSchedule(ConsumerIdentity& identity);

  /// Brings forward what the events say is due.
  void note(const Events& events);
  /// To be called when the watch has begun: no event tells of what came before.
  void begin_watch();

  /// Begins a tick, if it is time: reads the settings, and releases abandoned claims again. True
  /// then: all other parts are due as well.
  bool tick(Clock::time_point now, bool watching);
  /// Whether a delayed message is due.
  [[nodiscard]] bool has_due() const { return next_due() <= queue_.now(); }
  /// Moves the delayed messages that are due. Gives their number.
  std::uint64_t move_due();
  /// The same, and reads the whole folder.
  DueResult scan_later();
  /// Reclaims. True if messages went back into new/.
  bool reclaim(Clock::time_point now);
  void clean(Clock::time_point now);

  [[nodiscard]] bool paused() const { return paused_; }
  void look_for_pause();
  /// How long until a part is due; 0 if one is.
  [[nodiscard]] Duration until_next(Clock::time_point now) const;

 private:
  void release_abandoned();
  void expect_due(Time due, std::string_view file);
  [[nodiscard]] Time next_due() const;
  /// How long until the first detached claim ends.
  [[nodiscard]] Duration until_lease_end() const;

  ConsumerIdentity& identity_;
  OpenQueue& queue_;
  bool paused_ = false;
  bool reap_needed_ = true;
  bool bury_needed_ = true;  ///< A consumer may have died since the last time.
  Clock::time_point next_tick_{};
  Clock::time_point next_later_scan_{};
  Clock::time_point next_cleaning_{};
  Clock::time_point next_touch_{};
  std::set<std::pair<Time, std::string>> upcoming_;  ///< The files of later/ that are due first,
  Time upcoming_until_{};                            ///< all that are due before this.
  std::set<std::string> ended_;                      ///< Consumers whose claims may be still there,
  Clock::time_point next_ended_look_{};              ///< and when to look.
  std::optional<Time> next_lease_end_;
  Observations observations_;
  std::optional<Clock::time_point> next_observed_end_;
  Duration jitter_;
};

}  // namespace spoolq::detail
