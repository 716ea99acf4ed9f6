// Runs two actors on one message by a schedule, compares what is left with what they were told, and
// explores schedules.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/model/actors.hpp"

namespace spoolq::test {

/// Puts another Sys between the library and the scheduled one: a mutant.
using Wrap = std::function<std::unique_ptr<detail::Sys>(detail::Sys&)>;

struct Outcome {
  bool as_planned = false;  ///< Each turn has ended where the schedule says.
  std::array<std::size_t, kActors> points{};
  std::size_t switches = 0;
  std::string wrong;  ///< What contradicts what the actors were told; empty when nothing does.
};

/// Two actors in one place.
class Meeting {
 public:
  Meeting(Actor one, Actor other, Place place, Wrap wrap = {});

  [[nodiscard]] Outcome run(const Schedule& schedule) const;
  /// "claim x reclaim, a claim of the dead"
  [[nodiscard]] std::string name() const;
  [[nodiscard]] const Actor& actor(std::size_t number) const { return actors_.at(number); }
  [[nodiscard]] Place place() const { return place_; }

 private:
  std::array<Actor, kActors> actors_;
  Place place_;
  Wrap wrap_;
  SimulatedSys before_;  ///< With the queues, and without the message.
};

/// Each pair of actors, each with itself too, in each place where both have something to do.
std::vector<std::unique_ptr<Meeting>> all_meetings();

/// How much of a meeting is explored.
struct Effort {
  /// The share of the schedules with two switches, and of those in which an actor dies, in
  /// thousandths. Those with one switch are explored in any case.
  unsigned per_mille = 1000;
  std::size_t longer = 0;  ///< Schedules with more switches.
  bool first_failure_only = false;
};

struct Failure {
  std::size_t schedules = 0;
  Schedule shortest;
  std::size_t length = 0;  ///< Of `shortest`, in points.
  std::string wrong;       ///< Of `shortest`.
};

struct Found {
  std::size_t schedules = 0;
  std::size_t switches = 0;
  std::map<std::string, Failure> failures;  ///< By the first line of what is wrong.
};

/// Runs every schedule with at most two switches, in which an actor may die where it stands at a
/// switch, or as many of them as `effort` says, and then longer ones. The same seed gives the same
/// schedules.
Found explore(const Meeting& meeting, const Effort& effort, std::uint64_t seed);

}  // namespace spoolq::test
