// Every call of every transition fails in turn, with every errno that it can give, once and for
// good. Afterwards the promises hold, nothing leaks, and the next consumer goes on.
#include <fmt/core.h>

#include "queue/open_queue.hpp"
#include "tests/queue/promises.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/failing_sys.hpp"
#include "tests/support/simulated_sys.hpp"

namespace spoolq::test {
namespace {

constexpr const char* kPath = "/q";

/// A world in which the story's beginning has been told.
struct Beginning {
  explicit Beginning(const Story& story) {
    make_story_queue(disk, kPath);
    story.prepare(disk, kPath, fates);
    disk.commit();
  }
  SimulatedSys disk;
  Fates fates;
};

struct Outcome {
  bool fired = false;
  bool returned = false;  ///< The story was told to its end.
  std::string wrong;
};

Outcome tell_with_fault(const Story& story, const Fault& fault) {
  Beginning world{story};
  world.disk.record_calls(false);
  FailingSys sys{world.disk, fault};
  bool returned = false;
  std::string error = "returned";
  try {
    story.act(sys, kPath, world.fates);
    returned = true;
  } catch (const Error& caught) {
    error = caught.what();
  }
  Outcome outcome{sys.fired(), returned, {}};
  if (const auto open = world.disk.open_descriptor_count(); open != 0) {
    outcome.wrong += fmt::format("{} descriptors leaked\n", open);
  }
  if (returned) {
    const auto crashed = world.disk.crash(world.disk.keep_nothing());
    outcome.wrong += judge(*crashed, kPath, world.fates);
  }
  sys.repair();
  outcome.wrong += judge(world.disk, kPath, world.fates);
  if (!outcome.wrong.empty()) {
    outcome.wrong =
        fmt::format("{}, {}, {}: {}\n{}", story.name, to_string(fault),
                    outcome.fired ? to_string(sys.failed_call()) : "-", error, outcome.wrong);
  }
  return outcome;
}

/// Tells each story with each error at each call.
void sweep(Persistence persistence) {
  for (const Story& story : stories()) {
    bool fired = false;
    for_each_fault(persistence, [&](const Fault& fault) {
      const Outcome outcome = tell_with_fault(story, fault);
      if (!outcome.wrong.empty()) FAIL_CHECK(outcome.wrong);
      fired = fired || outcome.fired;
      return outcome.fired;
    });
    INFO(story.name);
    CHECK(fired);
  }
}

}  // namespace

TEST_CASE("without a fault every story keeps the promises", "[fault][stories]") {
  for (const Story& story : stories()) {
    const Outcome outcome = tell_with_fault(story, Fault{});
    INFO(story.name);
    INFO(outcome.wrong);
    CHECK(outcome.wrong.empty());
    CHECK(outcome.returned);
  }
}

// Three test cases, so that they run side by side.

TEST_CASE("any call may fail once with any errno and the promises hold", "[fault][stories]") {
  sweep(Persistence::once);
}

TEST_CASE("any call may fail with any errno as do all of its kind, and the promises hold",
          "[fault][stories]") {
  sweep(Persistence::same_call);
}

TEST_CASE("any call may fail with any errno as do all after it, and the promises hold",
          "[fault][stories]") {
  sweep(Persistence::every_call);
}

}  // namespace spoolq::test
