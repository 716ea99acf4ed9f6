// The inside of a Consumer: how its parts work together.
#pragma once

#include "consumer/take/claimer.hpp"
#include "consumer/take/maintenance_schedule.hpp"
#include "consumer/wait/idle_wait.hpp"
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
  /// The same without following another consumer.
  void rest_alone(Duration limit);
  /// Claims nothing for a while, and does the maintenance that is due.
  void stay_busy(Duration limit);

  std::optional<Claim> take_now();
  void collect();
  void maintain();
  void tell_arrivals() noexcept;
  [[nodiscard]] Duration until_next_look() const;

  Queue queue;
  detail::CandidateSource source;
  detail::Claimer claimer;
  detail::MaintenanceSchedule maintenance;
  detail::IdleWait idle_wait;
};

}  // namespace spoolq
