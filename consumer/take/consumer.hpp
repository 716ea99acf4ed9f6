// The inside of a Consumer: how its parts work together.
#pragma once

#include <random>
#include <stop_token>

#include "consumer/take/claimer.hpp"
#include "consumer/take/maintenance_schedule.hpp"
#include "consumer/wait/watcher.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {

/// Takes messages: collects events, does maintenance, claims a candidate, waits.
struct [[gnu::visibility("hidden")]] Consumer::Impl {
  class Run;

  Impl(Queue opened, const std::shared_ptr<detail::ConsumerIdentity>& identity);

  [[nodiscard]] detail::OpenQueue& open() const { return *detail::QueueAccess::open(queue); }
  /// Begins to watch, once.
  void watch();
  std::optional<Claim> try_take();
  std::optional<Claim> take(std::optional<Duration> timeout);
  /// Sleeps until there may be something to take, a part of the maintenance is due, or `limit` is
  /// over.
  void rest(Duration limit);
  /// Claims nothing for a while, and does the maintenance that is due.
  void stay_busy(Duration limit);

  std::optional<Claim> take_now();
  void collect();
  void maintain();
  [[nodiscard]] Duration until_next_look() const;

  Queue queue;
  detail::CandidateSource source;
  detail::Claimer claimer;
  detail::MaintenanceSchedule maintenance;
  detail::Watcher watcher;
  /// Tells handlers of a hard stop.
  std::stop_source hard_stop;
  std::minstd_rand random{std::random_device{}()};
};

}  // namespace spoolq
