// The inside of a Consumer: how its parts work together.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "consumer/take/candidate_source.hpp"
#include "consumer/take/claimer.hpp"
#include "consumer/take/maintenance_schedule.hpp"
#include "consumer/wait/idle_wait.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq {

/// Takes messages: collects events, does maintenance, claims a candidate, waits.
class [[gnu::visibility("hidden")]] Consumer::Impl {
 public:
  explicit Impl(Queue queue);

  std::optional<Claim> try_take();
  std::optional<Claim> take(std::optional<Duration> timeout);
  void run(const std::function<void(Claim&)>& handler, const RunOptions& options);
  int fd();
  [[nodiscard]] const Queue& queue() const { return queue_; }
  [[nodiscard]] detail::OpenQueue& open() const { return *queue_.internals(); }
  [[nodiscard]] detail::CandidateSource& source() { return source_; }
  [[nodiscard]] detail::MaintenanceSchedule& maintenance() { return maintenance_; }
  [[nodiscard]] detail::IdleWait& idle_wait() { return idle_wait_; }

  class Run;

  /// Sleeps until there may be something to take, a part of the maintenance is due, or `limit` is
  /// over.
  void rest(Duration limit);
  /// The same without following another consumer.
  void rest_alone(Duration limit);
  /// Claims nothing for a while, and does the maintenance that is due.
  void stay_busy(Duration limit);

 private:
  Impl(Queue queue, const std::shared_ptr<detail::ConsumerIdentity>& identity);
  std::optional<Claim> take_now();
  void watch();
  void collect();
  void maintain();
  void tell_arrivals() noexcept;
  [[nodiscard]] Duration until_next_look() const;

  Queue queue_;
  detail::CandidateSource source_;
  detail::Claimer claimer_;
  detail::MaintenanceSchedule maintenance_;
  detail::IdleWait idle_wait_;
};

}  // namespace spoolq
