// Each pair of actors keeps the promises, wherever one of them stops for the other one, and
// whichever of them dies. SPOOLQ_SWEEP=full explores every schedule with at most two switches.
// Other runs explore those with one switch, and a sample of the others that kSweepSeed chooses.
#include "tests/model/two_actors.hpp"

#include <fmt/core.h>

#include <cstdio>

#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

constexpr std::size_t kParts = 8;
constexpr Effort kSample{.per_mille = 60, .longer = 4};
constexpr Effort kWhole{.per_mille = 1000, .longer = 200};

std::string describe(const Meeting& meeting, const Failure& failure) {
  return fmt::format("{}: {} (in {} schedules)\n{}", meeting.name(), to_string(failure.shortest),
                     failure.schedules, failure.wrong);
}

void explore_part(std::size_t part) {
  const auto meetings = all_meetings();
  std::size_t explored = 0;
  std::size_t schedules = 0;
  std::size_t switches = 0;
  for (std::size_t i = part - 1; i < meetings.size(); i += kParts) {
    const Meeting& meeting = *meetings[i];
    const Found found = explore(meeting, full_sweep() ? kWhole : kSample, kSweepSeed + i);
    for (const auto& [wrong, failure] : found.failures) FAIL_CHECK(describe(meeting, failure));
    INFO(meeting.name());
    CHECK(found.switches > 0);
    ++explored;
    schedules += found.schedules;
    switches += found.switches;
  }
  fmt::print("part {} of {}: {} pairs, {} schedules, {} switches\n", part, kParts, explored,
             schedules, switches);
  std::fflush(stdout);
}

}  // namespace

// Several test cases, so that they run side by side.

TEST_CASE("a process may die at any call and another one act between any two: part 1", "[actors]") {
  explore_part(1);
}
TEST_CASE("a process may die at any call and another one act between any two: part 2", "[actors]") {
  explore_part(2);
}
TEST_CASE("a process may die at any call and another one act between any two: part 3", "[actors]") {
  explore_part(3);
}
TEST_CASE("a process may die at any call and another one act between any two: part 4", "[actors]") {
  explore_part(4);
}
TEST_CASE("a process may die at any call and another one act between any two: part 5", "[actors]") {
  explore_part(5);
}
TEST_CASE("a process may die at any call and another one act between any two: part 6", "[actors]") {
  explore_part(6);
}
TEST_CASE("a process may die at any call and another one act between any two: part 7", "[actors]") {
  explore_part(7);
}
TEST_CASE("a process may die at any call and another one act between any two: part 8", "[actors]") {
  explore_part(8);
}

}  // namespace spoolq::test
