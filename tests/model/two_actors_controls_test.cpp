// That two actors run as a schedule says, and that a library with a call left out is caught.
#include <fcntl.h>
#include <sys/file.h>

#include "tests/model/two_actors.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/mutant_sys.hpp"

namespace spoolq::test {
namespace {

/// A library that takes one kind of call for done that was refused.
class BelievingSys final : public ForwardingSys {
 public:
  BelievingSys(detail::Sys& inner, Call believed) : ForwardingSys{inner}, believed_{believed} {}

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    // A consumer has two proofs of life.
    const bool no_locks = believed_ == Call::flock && info.call == Call::is_byte_locked;
    if (no_locks) return SysResult::success(0);
    return info.call == believed_ && !result.ok() ? SysResult::success() : result;
  }

 private:
  const Call believed_;
};

Wrap believes(Call call) {
  return [call](detail::Sys& inner) { return std::make_unique<BelievingSys>(inner, call); };
}

Found explore_all(const char* one, const char* other, Place place, Wrap wrap) {
  constexpr unsigned kSound = 20;
  Effort effort;
  if (!wrap) effort.per_mille = kSound;
  effort.first_failure_only = true;
  const Meeting meeting{actor(one), actor(other), place, std::move(wrap)};
  return explore(meeting, effort, kSweepSeed);
}

/// Says in `log` when it makes each of its calls.
std::function<void()> makes_calls(Scheduler& scheduler, std::size_t number, std::string& log) {
  return [&scheduler, number, &log] {
    constexpr int kCalls = 4;
    for (int i = 0; i < kCalls; ++i) {
      scheduler.sys(number).step([&](SimulatedSys&) { log += number == 0 ? 'A' : 'B'; });
    }
  };
}

/// Locks two files, one after the other, and waits for each.
std::function<void()> locks(ScheduledSys& sys, const char* one, const char* other, int& error) {
  return [&sys, one, other, &error] {
    int held[2] = {};
    int* next = held;
    for (const char* path : {one, other}) {
      const SysResult opened = sys.openat(AT_FDCWD, path, O_RDWR);
      const SysResult locked = sys.flock(opened.fd(), LOCK_EX);
      if (!locked.ok()) error = locked.error();
      *next++ = opened.fd();
    }
    for (const int fd : held) static_cast<void>(sys.close(fd));
  };
}

}  // namespace

TEST_CASE("two actors run as the schedule says", "[actors][control]") {
  struct Planned {
    Schedule schedule;
    const char* log;
    std::size_t switches;
  };
  const auto [schedule, log, switches] =
      GENERATE(Planned{{{}, 0}, "AAAABBBB", 0}, Planned{{{}, 1}, "BBBBAAAA", 0},
               Planned{{{{0, 1}}, 1}, "ABBBBAAA", 1}, Planned{{{{0, 1}, {1, 2}}, 0}, "ABBAAABB", 2},
               Planned{{{{1, 2}, {0, 2}, {1, 3}}, 0}, "BBAABAAB", 3},
               Planned{{{{0, 2}, {1, 1}, {0, 0, true}}, 1}, "AABBBB", 2},
               Planned{{{{0, 2}, {1, 1}, {1, 0, true}}, 0}, "AABAA", 1});
  INFO(to_string(schedule));
  SimulatedSys disk;
  Scheduler scheduler{disk, schedule};
  std::string made;
  scheduler.run({makes_calls(scheduler, 0, made), makes_calls(scheduler, 1, made)});
  CHECK(made == log);
  CHECK(scheduler.switches() == switches);
  CHECK(scheduler.went_as_planned());
}

TEST_CASE("a schedule with points that an actor does not reach is not as planned",
          "[actors][control]") {
  SimulatedSys disk;
  Scheduler scheduler{disk, {{{0, 17}}, 1}};
  std::string made;
  scheduler.run({makes_calls(scheduler, 0, made), makes_calls(scheduler, 1, made)});
  CHECK(made == "AAAABBBB");
  CHECK_FALSE(scheduler.went_as_planned());
}

TEST_CASE("an actor that waits for a lock lets the other one go on", "[actors][control]") {
  SimulatedSys disk;
  disk.plant_file("/one", "");
  disk.plant_file("/other", "");
  // A has the first lock when B begins.
  Scheduler scheduler{disk, {{{0, 2}}, 1}};
  int errors[2] = {};
  scheduler.run({locks(scheduler.sys(0), "/one", "/other", errors[0]),
                 locks(scheduler.sys(1), "/one", "/other", errors[1])});
  CHECK(errors[0] == 0);
  CHECK(errors[1] == 0);
  CHECK_FALSE(scheduler.deadlocked());
  CHECK(disk.open_descriptor_count() == 0);
}

TEST_CASE("two actors that wait for each other are caught", "[actors][control]") {
  SimulatedSys disk;
  disk.plant_file("/one", "");
  disk.plant_file("/other", "");
  Scheduler scheduler{disk, {{{0, 2}}, 1}};
  int errors[2] = {};
  scheduler.run({locks(scheduler.sys(0), "/one", "/other", errors[0]),
                 locks(scheduler.sys(1), "/other", "/one", errors[1])});
  CHECK(scheduler.deadlocked());
  CHECK(errors[0] + errors[1] == EDEADLK);
}

TEST_CASE("the locks of an actor that dies are free", "[actors][control]") {
  SimulatedSys disk;
  disk.plant_file("/one", "");
  disk.plant_file("/other", "");
  Scheduler scheduler{disk, {{{0, 2}, {0, 0, true}}, 1}};
  int errors[2] = {};
  scheduler.run({locks(scheduler.sys(0), "/one", "/other", errors[0]),
                 locks(scheduler.sys(1), "/one", "/other", errors[1])});
  CHECK(scheduler.sys(0).dead());
  CHECK(errors[0] == EIO);
  CHECK(errors[1] == 0);
  CHECK(scheduler.went_as_planned());
  CHECK(disk.open_descriptor_count() == 0);
}

TEST_CASE("a library that believes each call is caught beside another one",
          "[actors][control][mutant]") {
  struct Broken {
    const char* one;
    const char* other;
    Place place;
    Call believed;
  };
  const Broken broken = GENERATE(
      // The other mover was first.
      Broken{"move", "move", Place::ready, Call::renameat2},
      Broken{"ack of a detached claim", "ack of a detached claim", Place::held, Call::unlinkat},
      // No lock proves that a consumer lives, and none keeps two from one folder.
      Broken{"claim", "reclaim", Place::ready, Call::flock},
      Broken{"adopt by copy", "adopt by copy", Place::elsewhere, Call::flock},
      // No lock keeps two from changing the settings.
      Broken{"configure", "configure", Place::empty, Call::flock},
      // No lease tells of a writer.
      Broken{"claim and ack", "a writer that appends", Place::inbox, Call::set_lease});
  const Found sound = explore_all(broken.one, broken.other, broken.place, {});
  const Found found =
      explore_all(broken.one, broken.other, broken.place, believes(broken.believed));
  INFO(broken.one << ", " << broken.other << ", " << to_string(broken.believed));
  CHECK(sound.failures.empty());
  CHECK_FALSE(found.failures.empty());
}

}  // namespace spoolq::test
