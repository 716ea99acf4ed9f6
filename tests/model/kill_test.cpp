// kill -9 at every call of every transition: a process on a simulated disk, and a real one. What
// it leaves keeps the promises, and whoever comes next goes on.
#include <fmt/core.h>
#include <sys/mman.h>

#include <csignal>
#include <cstring>

#include "spoolq/error.hpp"
#include "tests/model/promises.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/killing_sys.hpp"
#include "tests/support/process_sys.hpp"
#include "tests/support/simulated_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

constexpr const char* kPath = "/q";

/// Tells the story to a process that dies at the call number `dies_at`, and says what is wrong
/// then. `died` tells whether the story was that long.
std::string tell_and_die(const Story& story, std::uint64_t dies_at, bool& died) {
  SimulatedSys disk;
  disk.record_calls(false);
  make_story_queue(disk, kPath);
  Fates fates;
  story.prepare(disk, kPath, fates);
  disk.commit();
  ProcessSys process{disk, dies_at};
  try {
    story.act(process, kPath, fates);
  } catch (const Error&) {
    // What the dead are told does not count: a call that did not return may have worked.
  }
  died = process.dead();
  process.kill();
  std::string wrong;
  if (disk.open_descriptor_count() != 0) wrong += "the dead have open files\n";
  const auto crashed = disk.crash(disk.keep_nothing());
  wrong += judge(*crashed, kPath, fates);
  wrong += judge(disk, kPath, fates);
  return wrong;
}

/// The fates of a story that a child tells, in memory that outlives it. A story has few messages.
class SharedFates {
 public:
  SharedFates()
      : slots_{static_cast<Slot*>(::mmap(nullptr, sizeof(Slot) * kSlots, PROT_READ | PROT_WRITE,
                                         MAP_SHARED | MAP_ANONYMOUS, -1, 0))} {}
  SharedFates(const SharedFates&) = delete;
  SharedFates& operator=(const SharedFates&) = delete;
  ~SharedFates() { ::munmap(slots_, sizeof(Slot) * kSlots); }

  void store(const Fates& fates) {
    std::size_t used = 0;
    for (const auto& [payload, fate] : fates) {
      Slot& slot = slots_[used++];
      std::strncpy(slot.payload, payload.c_str(), sizeof slot.payload - 1);
      slot.fate = fate;
      slot.used = true;
    }
  }
  [[nodiscard]] Fates load() const {
    Fates fates;
    for (std::size_t i = 0; i < kSlots && slots_[i].used; ++i) {
      fates[slots_[i].payload] = slots_[i].fate;
    }
    return fates;
  }

 private:
  struct Slot {
    char payload[120];
    Fate fate;
    bool used;
  };
  static constexpr std::size_t kSlots = 8;
  Slot* slots_;
};

/// Writes the fates down before each call: what a story has begun by then has begun for good.
class NotingSys final : public ForwardingSys {
 public:
  NotingSys(Sys& inner, const Fates& fates, SharedFates& shared)
      : ForwardingSys{inner}, fates_{fates}, shared_{shared} {}

 protected:
  std::optional<SysResult> before(const CallInfo&) override {
    shared_.store(fates_);
    return std::nullopt;
  }

 private:
  const Fates& fates_;
  SharedFates& shared_;
};

/// The same with a real process and a real file system.
std::string tell_and_kill(const Story& story, std::uint64_t nth, KillingSys::Moment moment,
                          bool& died) {
  const MemoryDirectory directory;
  const std::string path = directory / "q";
  SharedFates shared;
  {
    Fates fates;
    make_story_queue(detail::real_sys(), path);
    story.prepare(detail::real_sys(), path, fates);
    shared.store(fates);
  }
  ChildProcess child{[&] {
    Fates fates = shared.load();
    KillingSys killing{detail::real_sys(), nth, moment};
    NotingSys sys{killing, fates, shared};
    story.act(sys, path, fates);
    shared.store(fates);
    return 0;
  }};
  const int end = child.wait();
  died = end == 128 + SIGKILL;
  if (!died && end != 0) return fmt::format("the child ended with {}\n", end);
  return judge(detail::real_sys(), path, shared.load());
}

void kill_at_every_call(KillingSys::Moment moment) {
  for (const Story& story : stories()) {
    bool died = true;
    std::uint64_t nth = 0;
    while (died) {
      ++nth;
      const std::string wrong = tell_and_kill(story, nth, moment, died);
      if (!wrong.empty()) FAIL_CHECK(fmt::format("{}, call {}:\n{}", story.name, nth, wrong));
    }
    INFO(story.name);
    CHECK(nth > 10);
  }
}

}  // namespace

TEST_CASE("a process may die at any call and the promises hold", "[queue][kill][stories]") {
  for (const Story& story : stories()) {
    bool died = true;
    std::uint64_t dies_at = 0;
    while (died) {
      const std::string wrong = tell_and_die(story, ++dies_at, died);
      if (!wrong.empty()) FAIL_CHECK(fmt::format("{}, call {}:\n{}", story.name, dies_at, wrong));
    }
    INFO(story.name);
    CHECK(dies_at > 10);
  }
}

// A kill after a call leaves what a kill before the next call leaves. SPOOLQ_SWEEP=full does both.
TEST_CASE("a real process may be killed at any call and the promises hold",
          "[queue][kill][stories]") {
  kill_at_every_call(KillingSys::Moment::before);
  if (full_sweep()) kill_at_every_call(KillingSys::Moment::after);
}

}  // namespace spoolq::test
