// Two actors on one simulated disk, each in a thread of its own, of which one runs at a time. A
// schedule says where one stops and the other goes on, so each run can be repeated.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/support/forwarding_sys.hpp"
#include "tests/support/simulated_sys.hpp"

namespace spoolq::test {

inline constexpr std::size_t kActors = 2;

/// One actor runs until it reaches its switch point number `until`, counted from 0 over the whole
/// run; or it dies where it stands.
struct Turn {
  std::size_t actor = 0;
  std::size_t until = 0;
  bool dies = false;
};

/// After the last turn the actor that runs goes on to its end, then the other one.
struct Schedule {
  std::vector<Turn> turns;
  std::size_t last = 0;  ///< The actor that goes on after the last turn.
};

/// "A to 3, B to 5, A dies, then B"
std::string to_string(const Schedule& schedule);

class Scheduler;

/// The calls of one actor. Offers the scheduler a switch point between two calls that touch what
/// the other actor may see: names, contents, locks, leases. Does not offer one where a call
/// commutes with each call of the other actor: clocks, syncs, modes, attributes, what a file system
/// says about itself, and the closing of a descriptor that has no lock, no lease and no writer.
///
/// The library opens and closes lock files under a mutex of the process. A switch point inside it
/// would stop the other actor for ever. So the points around openat() and close() lie after the
/// call before them and before the call after them.
///
/// When its actor dies, its descriptors are closed, so its locks are free. After that each call
/// fails with EIO, so that destructors, which a dead process does not run, change nothing.
class ScheduledSys final : public ForwardingSys {
 public:
  ScheduledSys(Scheduler& scheduler, SimulatedSys& disk, std::size_t actor)
      : ForwardingSys{disk}, scheduler_{scheduler}, disk_{disk}, actor_{actor} {}

  /// A lock for which the actor has to wait: the other actor runs meanwhile.
  SysResult flock(int fd, int operation) override;
  SysResult lock_within(int fd, std::chrono::milliseconds limit) override;
  /// What a program does that knows nothing of spoolq, as one step: `act` runs after a switch
  /// point, unless the actor is dead.
  void step(const std::function<void(SimulatedSys&)>& act);
  /// Makes a descriptor, opened in such a step, one of the actor's own.
  void own(int fd);
  /// Runs the other actor until it has let go of something. False when that cannot happen.
  bool wait_for_other();
  void die();
  [[nodiscard]] bool dead() const { return dead_; }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override;
  SysResult after(const CallInfo& info, SysResult result) override;

 private:
  friend class Scheduler;

  [[nodiscard]] bool is_shared(const CallInfo& info) const;
  void offer_point();
  void wait_for_lease(int fd);

  Scheduler& scheduler_;
  SimulatedSys& disk_;
  const std::size_t actor_;
  bool dead_ = false;
  bool point_offered_ = false;  ///< Nothing shared was touched since the last point.
  std::set<int> open_;
  std::set<int> notable_;  ///< Those of them whose closing another actor notices.
};

/// Runs two actors by a schedule. One run for each object.
class Scheduler {
 public:
  Scheduler(SimulatedSys& disk, Schedule schedule);
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;
  ~Scheduler() = default;

  [[nodiscard]] ScheduledSys& sys(std::size_t actor) { return sys_.at(actor); }
  /// Called when an actor dies, before its last calls fail.
  void on_death(std::function<void(std::size_t)> notice) { notice_ = std::move(notice); }

  /// Runs both to their ends, or deaths. Throws what an actor has thrown.
  void run(const std::array<std::function<void()>, kActors>& actors);

  /// Whether each turn has ended where the schedule says. Otherwise an actor had fewer points.
  [[nodiscard]] bool went_as_planned() const { return turns_ended_ == schedule_.turns.size(); }
  /// How often the other actor was given the turn while both could go on.
  [[nodiscard]] std::size_t switches() const { return switches_; }
  /// The switch points that an actor has reached.
  [[nodiscard]] std::size_t points(std::size_t actor) const { return points_.at(actor); }
  /// Whether both actors have waited for each other.
  [[nodiscard]] bool deadlocked() const { return deadlocked_; }

 private:
  friend class ScheduledSys;

  void reach_point(std::size_t actor);
  bool wait_for_other(std::size_t actor);
  void let_go(std::size_t actor);
  void act(std::size_t actor, const std::function<void()>& body);
  void end(std::size_t actor);
  void hand_over(std::unique_lock<std::mutex>& lock, std::size_t from);
  [[nodiscard]] const Turn* turn_of(std::size_t actor) const;

  const Schedule schedule_;
  std::array<ScheduledSys, kActors> sys_;
  std::function<void(std::size_t)> notice_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool running_ = false;
  std::size_t current_ = 0;
  std::size_t turns_ended_ = 0;
  std::size_t switches_ = 0;
  bool deadlocked_ = false;
  std::array<std::size_t, kActors> points_{};
  std::array<bool, kActors> ended_{};
  std::array<bool, kActors> waiting_{};
  std::array<std::exception_ptr, kActors> errors_{};
};

}  // namespace spoolq::test
