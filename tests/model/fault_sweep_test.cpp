// Every call of every transition fails in turn, once and for good. Afterwards the promises hold,
// nothing leaks, and the next consumer goes on. A run with SPOOLQ_SWEEP=full in the environment
// fails each call with every errno that it can give. Other runs choose one errno for each call.
#include <fmt/core.h>

#include <optional>
#include <vector>

#include "queue/store/open_queue.hpp"
#include "tests/model/promises.hpp"
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
  Call failed_call = Call::openat;  ///< Requires: fired.
  bool returned = false;            ///< The story was told to its end.
  std::string wrong;
};

/// The library as if it did not look at what one kind of call answers.
class OverlookingSys final : public ForwardingSys {
 public:
  OverlookingSys(Sys& inner, std::optional<Call> overlooked)
      : ForwardingSys{inner}, overlooked_{overlooked} {}

  SysResult write(int fd, const void* bytes, std::size_t size) override {
    const SysResult result = ForwardingSys::write(fd, bytes, size);
    if (overlooked_ != Call::write) return result;
    return SysResult::success(static_cast<std::int64_t>(size));
  }

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    return info.call == overlooked_ && !result.ok() ? SysResult::success() : result;
  }

 private:
  const std::optional<Call> overlooked_;
};

Outcome tell_with_fault(const Story& story, const Fault& fault,
                        std::optional<Call> overlooked = std::nullopt) {
  Beginning world{story};
  world.disk.record_calls(false);
  FailingSys sys{world.disk, fault};
  OverlookingSys library{sys, overlooked};
  bool returned = false;
  std::string error = "returned";
  try {
    story.act(library, kPath, world.fates);
    returned = true;
  } catch (const Error& caught) {
    error = caught.what();
  }
  Outcome outcome{sys.fired(), sys.failed_call(), returned, {}};
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
                    outcome.fired ? to_string(outcome.failed_call) : "-", error, outcome.wrong);
  }
  return outcome;
}

/// The calls of a story that nothing disturbs.
std::vector<CallInfo> calls_of(const Story& story) {
  Beginning world{story};
  RecordingSys sys{world.disk};
  story.act(sys, kPath, world.fates);
  return sys.calls();
}

/// Fails each call of the story with each errno that it can give.
void sweep_all_errnos(const Story& story, Persistence persistence) {
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

/// Fails each call of the story with one errno.
void sweep_each_call(const Story& story, Persistence persistence, std::uint64_t seed) {
  const std::vector<CallInfo> calls = calls_of(story);
  const std::vector<PlannedFault> faults = sample_faults(calls, persistence, seed);
  INFO(story.name);
  CHECK_FALSE(faults.empty());
  for (const PlannedFault& planned : faults) {
    INFO(to_string(planned.fault));
    const Outcome outcome = tell_with_fault(story, planned.fault);
    if (!outcome.wrong.empty()) FAIL_CHECK(outcome.wrong);
    REQUIRE(outcome.fired);
    CHECK(outcome.failed_call == calls[planned.position].call);
  }
}

void sweep(Persistence persistence) {
  // Stories begin with the same calls: another seed for each.
  std::uint64_t seed = kSweepSeed;
  for (const Story& story : stories()) {
    ++seed;
    if (full_sweep()) {
      sweep_all_errnos(story, persistence);
    } else {
      sweep_each_call(story, persistence, seed);
    }
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

TEST_CASE("a library that overlooks a failed call is caught, whatever the errno",
          "[fault][stories][mutant]") {
  struct Broken {
    const char* story;
    Call call;
  };
  for (const Broken& broken : std::vector<Broken>{{"put", Call::write},
                                                  {"put", Call::fsync},
                                                  {"put", Call::renameat2},
                                                  {"claim and ack", Call::unlinkat},
                                                  {"claim and ack", Call::fsync},
                                                  {"move by copy", Call::write}}) {
    INFO(broken.story << ", " << to_string(broken.call));
    const std::vector<CallInfo> calls = calls_of(story(broken.story));
    for (const int error : errors_of(broken.call)) {
      INFO(to_string(Fault{1, error}));
      bool possible = false;
      bool caught = false;
      for (std::size_t position = 0; position < calls.size(); ++position) {
        if (calls[position].call != broken.call || !can_fail(calls[position], error)) continue;
        possible = true;
        const Fault fault = fault_at(calls, position, error, Persistence::once).fault;
        caught = caught || !tell_with_fault(story(broken.story), fault, broken.call).wrong.empty();
      }
      CHECK(possible);
      CHECK(caught);
    }
  }
}

}  // namespace spoolq::test
