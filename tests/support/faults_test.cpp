// Failing, killing and mutant calls, on a queue of forty lines that stands for the library.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>

#include "tests/support/catch.hpp"
#include "tests/support/failing_sys.hpp"
#include "tests/support/killing_sys.hpp"
#include "tests/support/mutant_sys.hpp"
#include "tests/support/process_sys.hpp"
#include "tests/support/simulated_sys.hpp"

namespace {

using spoolq::detail::Sys;
using spoolq::detail::SysResult;
using spoolq::test::Call;
using spoolq::test::CallInfo;
using spoolq::test::CrashState;
using spoolq::test::FailingSys;
using spoolq::test::Fault;
using spoolq::test::ForwardingSys;
using spoolq::test::KillingSys;
using spoolq::test::kShortWrite;
using spoolq::test::Mutant;
using spoolq::test::MutantSys;
using spoolq::test::Persistence;
using spoolq::test::ProcessSys;
using spoolq::test::SimulatedSys;

constexpr unsigned kNoReplace = RENAME_NOREPLACE;
constexpr std::string_view kPayload = "payload";

/// Puts, claims and acknowledges as the library does. Each function says whether it succeeded.
class SmallQueue {
 public:
  SmallQueue(Sys& sys, const char* path) : sys_{sys} {
    const SysResult root = sys.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    if (!root.ok()) return;
    root_ = root.fd();
    tmp_ = open("tmp");
    new_ = open("new");
    cur_ = open("cur");
  }
  SmallQueue(const SmallQueue&) = delete;
  SmallQueue& operator=(const SmallQueue&) = delete;
  ~SmallQueue() {
    for (const int fd : {cur_, new_, tmp_, root_}) {
      if (fd >= 0) (void)sys_.close(fd);
    }
  }

  bool put(const char* name) {
    if (cur_ < 0) return false;
    const SysResult made = sys_.openat(tmp_, name, O_CREAT | O_EXCL | O_WRONLY, 0600);
    if (!made.ok()) return false;
    struct stat status = {};
    bool good = sys_.flock(made.fd(), LOCK_EX).ok() && sys_.fstat(made.fd(), status).ok() &&
                status.st_nlink == 1 && write(made.fd()) && sys_.fsync(made.fd()).ok();
    good = sys_.close(made.fd()).ok() && good;
    good = good && sys_.renameat2(tmp_, name, new_, name, kNoReplace).ok();
    return good && sync(new_);
  }
  bool claim(const char* name) {
    return cur_ >= 0 && sys_.renameat2(new_, name, cur_, name, kNoReplace).ok();
  }
  bool ack(const char* name) { return sys_.unlinkat(cur_, name).ok() && sync(cur_); }

 private:
  int open(const char* name) {
    const SysResult opened = sys_.openat(root_, name, O_RDONLY | O_DIRECTORY);
    return opened.ok() ? opened.fd() : -1;
  }
  bool write(int fd) {
    for (std::size_t done = 0; done < kPayload.size();) {
      const SysResult wrote = sys_.write(fd, kPayload.data() + done, kPayload.size() - done);
      if (!wrote.ok()) return false;
      done += static_cast<std::size_t>(wrote.value());
    }
    return true;
  }
  bool sync(int fd) {
    struct stat status = {};
    return sys_.fsync(fd).ok() && sys_.fstat(fd, status).ok();
  }

  Sys& sys_;
  int root_ = -1;
  int tmp_ = -1;
  int new_ = -1;
  int cur_ = -1;
};

/// A file system that has shut down and shows it only in fstat, as xfs does.
class ShutDownSys final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  bool is_down = false;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (is_down && info.call == Call::fstat) return SysResult::failure(EIO);
    return std::nullopt;
  }
};

void plant_folders(SimulatedSys& sys) {
  for (const char* folder : {"/q/tmp", "/q/new", "/q/cur"}) sys.plant_directory(folder);
}

bool whole_in(const SimulatedSys& sys, const std::string& path) {
  return sys.exists(path) && sys.read_file(path) == kPayload;
}

/// Runs a put, a claim and an ack over `mutant` with a power cut after each, and says what broke.
std::set<std::string> broken_promises(Mutant mutant) {
  std::set<std::string> broken;
  SimulatedSys disk;
  plant_folders(disk);
  MutantSys sys{disk, mutant};
  SmallQueue queue{sys, "/q"};
  const auto expect = [&](const char* promise,
                          const std::function<bool(const SimulatedSys&)>& kept) {
    for (const CrashState& state : disk.crash_states()) {
      if (!kept(*disk.crash(state))) broken.insert(promise);
    }
  };
  REQUIRE(queue.put("a"));
  expect("put", [](const SimulatedSys& after) { return whole_in(after, "/q/new/a"); });
  REQUIRE(queue.claim("a"));
  expect("claim", [](const SimulatedSys& after) {
    return whole_in(after, "/q/new/a") || whole_in(after, "/q/cur/a");
  });
  REQUIRE(queue.ack("a"));
  expect("ack", [](const SimulatedSys& after) {
    return !after.exists("/q/new/a") && !after.exists("/q/cur/a");
  });
  return broken;
}

}  // namespace

TEST_CASE("each call that can fail is failed, and a success is never a lie", "[support][faults]") {
  std::map<Call, int> failed;
  const auto persistence =
      GENERATE(Persistence::once, Persistence::same_call, Persistence::every_call);
  const auto runs = spoolq::test::for_each_fault(persistence, [&](const Fault& fault) {
    CAPTURE(to_string(fault));
    SimulatedSys disk;
    plant_folders(disk);
    FailingSys sys{disk, fault};
    bool put = false;
    bool acked = false;
    {
      SmallQueue queue{sys, "/q"};
      put = queue.put("a");
      const auto after_put = disk.crash(disk.keep_nothing());
      if (put && !whole_in(*after_put, "/q/new/a")) FAIL("a put was lost");
      acked = put && queue.claim("a") && queue.ack("a");
    }
    CHECK(disk.open_descriptor_count() == 0);
    if (acked && disk.crash(disk.keep_nothing())->exists("/q/cur/a")) FAIL("an ack was undone");
    if (!sys.fired()) CHECK(acked);
    if (fault.error == kShortWrite && fault.persistence == Persistence::once) CHECK(acked);
    if (sys.fired()) ++failed[sys.failed_call()];
    return sys.fired();
  });
  CHECK(runs > 60);
  for (const Call call : {Call::openat, Call::close, Call::write, Call::fsync, Call::flock,
                          Call::fstat, Call::unlinkat, Call::renameat2}) {
    CAPTURE(to_string(call));
    CHECK(failed[call] > 0);
  }
}

TEST_CASE("a fault comes once or for good", "[support][faults]") {
  SimulatedSys disk;
  plant_folders(disk);
  const int dir = disk.openat(AT_FDCWD, "/q/tmp", O_RDONLY | O_DIRECTORY).fd();
  const auto results = [&](Persistence persistence) {
    FailingSys sys{disk, Fault{2, EIO, persistence}};
    std::string text;
    struct stat status = {};
    for (int i = 0; i < 3; ++i) text += sys.fsync(dir).ok() ? 'y' : 'n';
    text += sys.fstat(dir, status).ok() ? 'y' : 'n';
    CHECK(sys.fired());
    CHECK(sys.failed_call() == Call::fsync);
    sys.repair();
    text += sys.fsync(dir).ok() ? 'y' : 'n';
    return text;
  };
  CHECK(results(Persistence::once) == "ynyyy");
  CHECK(results(Persistence::same_call) == "ynnyy");
  CHECK(results(Persistence::every_call) == "ynnny");
}

TEST_CASE("only calls that make something fail for want of space", "[support][faults]") {
  using spoolq::test::can_fail;
  CHECK(can_fail({Call::openat, 3, "a", -1, nullptr, O_CREAT | O_WRONLY}, ENOSPC));
  CHECK_FALSE(can_fail({Call::openat, 3, "a", -1, nullptr, O_RDONLY}, ENOSPC));
  CHECK(can_fail({Call::openat, 3, "a", -1, nullptr, O_RDONLY}, EMFILE));
  CHECK(can_fail({Call::renameat2, 3, "a", 4, "a", kNoReplace}, EINVAL));
  CHECK_FALSE(can_fail({Call::renameat2, 3, "a", 4, "a", 0}, EINVAL));
  CHECK_FALSE(can_fail({Call::unlinkat, 3, "a"}, ENOSPC));
}

TEST_CASE("crash states tell each missing sync", "[support][mutants]") {
  using Set = std::set<std::string>;
  CHECK(broken_promises(Mutant::none) == Set{});
  CHECK(broken_promises(Mutant::no_file_fsync) == Set{"claim", "put"});
  CHECK(broken_promises(Mutant::no_new_fsync) == Set{"claim", "put"});
  CHECK(broken_promises(Mutant::no_ack_sync) == Set{"ack"});
  CHECK(broken_promises(Mutant::ack_syncs_new) == Set{"ack"});
  CHECK(broken_promises(Mutant::no_sync_at_all) == Set{"ack", "claim", "put"});
}

TEST_CASE("mutants change what they say they change", "[support][mutants]") {
  SimulatedSys disk;
  plant_folders(disk);
  disk.plant_file("/q/tmp/a", "a");
  disk.plant_file("/q/new/a", "b");
  const auto open = [](Sys& sys, const char* path, int flags) {
    return sys.openat(AT_FDCWD, path, flags).fd();
  };
  struct stat status = {};

  SECTION("a rename replaces") {
    MutantSys sys{disk, Mutant::rename_replaces};
    const int tmp = open(sys, "/q/tmp", O_RDONLY | O_DIRECTORY);
    const int incoming = open(sys, "/q/new", O_RDONLY | O_DIRECTORY);
    CHECK(sys.renameat2(tmp, "a", incoming, "a", kNoReplace).ok());
    CHECK(disk.read_file("/q/new/a") == "a");
  }
  SECTION("an unlinked file seems to be there") {
    MutantSys sys{disk, Mutant::no_recheck_after_lock};
    const int fd = open(sys, "/q/tmp/a", O_RDWR);
    disk.unlink("/q/tmp/a");
    REQUIRE(sys.fstat(fd, status).ok());
    CHECK(status.st_nlink == 1);
  }
  SECTION("a directory that has failed seems to work") {
    ShutDownSys shut_down{disk};
    MutantSys sys{shut_down, Mutant::no_directory_fstat};
    const int dir = open(sys, "/q/new", O_RDONLY | O_DIRECTORY);
    const int file = open(sys, "/q/new/a", O_RDONLY);
    REQUIRE(sys.fstat(dir, status).ok());
    shut_down.is_down = true;
    status = {};
    CHECK(sys.fstat(dir, status).ok());
    CHECK(status.st_nlink == 2);
    CHECK(sys.fstat(file, status).error() == EIO);
  }
}

TEST_CASE("a killed child leaves each message in one place", "[support][faults]") {
  std::string path = std::filesystem::temp_directory_path() / "spoolq-kill-XXXXXX";
  REQUIRE(::mkdtemp(path.data()) != nullptr);
  bool survived = false;
  int kills = 0;
  for (std::uint64_t nth = 1; !survived; ++nth) {
    for (const auto moment : {KillingSys::Moment::before, KillingSys::Moment::after}) {
      for (const char* folder : {"/tmp", "/new", "/cur"}) {
        std::filesystem::remove_all(path + folder);
        std::filesystem::create_directory(path + folder);
      }
      const pid_t child = ::fork();
      REQUIRE(child >= 0);
      if (child == 0) {
        KillingSys sys{spoolq::detail::real_sys(), nth, moment};
        SmallQueue queue{sys, path.c_str()};
        std::_Exit(queue.put("a") && queue.claim("a") && queue.ack("a") ? 0 : 1);
      }
      int status = 0;
      REQUIRE(::waitpid(child, &status, 0) == child);
      survived = WIFEXITED(status);
      if (survived) CHECK(WEXITSTATUS(status) == 0);
      if (!survived) {
        CHECK(WTERMSIG(status) == SIGKILL);
        ++kills;
      }
      int places = 0;
      for (const char* folder : {"/tmp/a", "/new/a", "/cur/a"}) {
        places += std::filesystem::exists(path + folder) ? 1 : 0;
      }
      CHECK(places <= 1);
    }
  }
  CHECK(kills > 20);
  std::filesystem::remove_all(path);
}

TEST_CASE("a simulated process dies at each call, alone and without clean-up",
          "[support][faults]") {
  bool survived = false;
  std::uint64_t calls = 0;
  for (; !survived; ++calls) {
    CAPTURE(calls);
    SimulatedSys disk;
    plant_folders(disk);
    ProcessSys other{disk};
    const int held = other.openat(AT_FDCWD, "/q/new", O_RDONLY | O_DIRECTORY).fd();
    REQUIRE(other.flock(held, LOCK_EX).ok());
    ProcessSys sys{disk, calls + 1};
    std::string after_death;
    {
      SmallQueue queue{sys, "/q"};
      survived = queue.put("a") && queue.claim("a") && queue.ack("a");
      after_death = disk.dump();
    }
    if (!survived) CHECK(sys.dead());
    CHECK(disk.dump() == after_death);
    CHECK(disk.open_descriptor_count() == 1);
    other.kill();
    CHECK(disk.open_descriptor_count() == 0);
    CHECK(other.fsync(held).error() == EIO);
  }
  CHECK(calls > 15);
}
