// The order in which schedules are tried.
#include <algorithm>
#include <random>

#include "tests/model/two_actors.hpp"

namespace spoolq::test {
namespace {

constexpr unsigned kPerMille = 1000;
constexpr std::size_t kTurnsMin = 3;
constexpr std::size_t kTurnsMax = 6;
constexpr std::size_t kDeathEvery = 4;

class Explorer {
 public:
  Explorer(const Meeting& meeting, const Effort& effort, std::uint64_t seed)
      : meeting_{meeting}, effort_{effort}, random_{seed} {}

  Found explore() {
    std::array<std::size_t, kActors> points{};
    for (const std::size_t first : {std::size_t{0}, std::size_t{1}}) {
      const Outcome alone = run({{}, first}, 0);
      points.at(first) = alone.points.at(first);
      for (std::size_t i = 0; i < alone.points[first] && !over(); ++i) try_switches(first, i);
    }
    for (std::size_t i = 0; i < effort_.longer && !over(); ++i) try_longer(points);
    return found_;
  }

 private:
  [[nodiscard]] bool over() const { return effort_.first_failure_only && !found_.failures.empty(); }

  bool is_chosen() {
    return effort_.per_mille >= kPerMille || below(kPerMille) < effort_.per_mille;
  }

  Outcome run(const Schedule& schedule, std::size_t length) {
    Outcome outcome = meeting_.run(schedule);
    ++found_.schedules;
    found_.switches += outcome.switches;
    if (outcome.wrong.empty()) return outcome;
    Failure& failure = found_.failures[outcome.wrong.substr(0, outcome.wrong.find('\n'))];
    if (failure.schedules == 0 || length < failure.length) {
      failure.shortest = schedule;
      failure.length = length;
      failure.wrong = outcome.wrong;
    }
    ++failure.schedules;
    return outcome;
  }

  /// The first actor stops at its point `i`; the other one runs to its end, or to each of its
  /// points; then the first one goes on, or either dies.
  void try_switches(std::size_t first, std::size_t i) {
    const std::size_t second = 1 - first;
    const Turn stops{first, i};
    const Turn dies{first, 0, true};
    const std::size_t points = run({{stops}, second}, i).points[second];
    if (is_chosen()) run({{stops, dies}, second}, i);
    for (std::size_t j = 1; j < points && !over(); ++j) {
      const Turn stops_again{second, j};
      if (is_chosen()) run({{stops, stops_again}, first}, i + j);
      if (is_chosen()) run({{stops, stops_again, dies}, second}, i + j);
      if (is_chosen()) run({{stops, stops_again, {second, 0, true}}, first}, i + j);
    }
  }

  /// Turns of random lengths. At the end of each its actor may die.
  void try_longer(const std::array<std::size_t, kActors>& points) {
    const std::size_t turns = below(kTurnsMax - kTurnsMin + 1) + kTurnsMin;
    std::array<std::vector<std::size_t>, kActors> stops;
    std::size_t actor = below(kActors);
    for (std::size_t i = 0; i < turns; ++i) {
      std::vector<std::size_t>& own = stops.at((actor + i) % kActors);
      own.push_back(below(points.at((actor + i) % kActors) + 1));
    }
    for (std::vector<std::size_t>& own : stops) std::sort(own.begin(), own.end());
    Schedule schedule;
    std::size_t length = 0;
    for (std::size_t i = 0; i < turns; ++i, actor = 1 - actor) {
      schedule.turns.push_back({actor, stops.at(actor).at(i / kActors)});
      length += schedule.turns.back().until;
      if (below(kDeathEvery) != 0) continue;
      schedule.turns.push_back({actor, 0, true});
      actor = 1 - actor;
      break;
    }
    schedule.last = actor;
    run(schedule, length);
  }

  std::size_t below(std::size_t end) {
    return std::uniform_int_distribution<std::size_t>{0, end - 1}(random_);
  }

  const Meeting& meeting_;
  const Effort effort_;
  std::mt19937_64 random_;
  Found found_;
};

}  // namespace

Found explore(const Meeting& meeting, const Effort& effort, std::uint64_t seed) {
  return Explorer{meeting, effort, seed}.explore();
}

}  // namespace spoolq::test
