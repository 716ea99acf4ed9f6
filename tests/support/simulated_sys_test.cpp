// What the simulated file system has beyond the kernel: its clocks, its size, its log.
#include "tests/support/simulated_sys.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace {

using spoolq::test::SimulatedSys;

constexpr unsigned kNoReplace = RENAME_NOREPLACE;

}  // namespace

TEST_CASE("links are made, read and exchanged as the kernel does it", "[support][simulation]") {
  const auto transcript = [](spoolq::detail::Sys& sys, const std::string& path) {
    std::vector<int> said;
    const int root = sys.openat(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY).fd();
    const auto note = [&said](spoolq::detail::SysResult result) {
      said.push_back(result.ok() ? static_cast<int>(result.value()) : -result.error());
    };
    note(sys.symlinkat("/elsewhere", root, "link"));
    note(sys.symlinkat("/elsewhere", root, "link"));
    note(sys.symlinkat("", root, "empty"));
    note(sys.mkdirat(root, "folder", 0700));
    note(sys.symlinkat("x", root, "folder"));
    const auto read = [&](const char* name) {
      const int fd = sys.openat(root, name, O_PATH | O_NOFOLLOW).fd();
      char target[100] = {};
      note(sys.readlinkat(fd, target, sizeof target));
      note(sys.readlinkat(fd, target, 3));
      note(sys.readlinkat(fd, target, 0));
      said.push_back(std::string_view{target} == "/elsewhere" ? 1 : 0);
      if (fd >= 0) note(sys.close(fd));
    };
    read("link");
    read("folder");
    read("missing");
    note(sys.renameat2(root, "link", root, "missing", RENAME_EXCHANGE));
    note(sys.renameat2(root, "missing", root, "link", RENAME_EXCHANGE));
    note(sys.renameat2(root, "link", root, "folder", RENAME_EXCHANGE | RENAME_NOREPLACE));
    note(sys.renameat2(root, "link", root, "folder", RENAME_EXCHANGE));
    read("folder");
    note(sys.unlinkat(root, "folder", AT_REMOVEDIR));
    note(sys.unlinkat(root, "link", AT_REMOVEDIR));
    note(sys.unlinkat(root, "folder", 0));
    note(sys.close(root));
    return said;
  };
  const spoolq::test::MemoryDirectory directory;
  SimulatedSys simulated;
  simulated.plant_directory("/q");
  CHECK(transcript(simulated, "/q") == transcript(spoolq::detail::real_sys(), directory / ""));
}

TEST_CASE("an exchange of two names is not torn by a power cut", "[support][simulation]") {
  using spoolq::test::CrashModel;
  const auto model = GENERATE(CrashModel::journal, CrashModel::per_directory);
  SimulatedSys disk{model};
  disk.plant_directory("/q/folder");
  const int root = disk.openat(AT_FDCWD, "/q", O_RDONLY | O_DIRECTORY).fd();
  REQUIRE(disk.symlinkat("/elsewhere", root, "link").ok());
  REQUIRE(disk.renameat2(root, "link", root, "folder", RENAME_EXCHANGE).ok());
  REQUIRE(disk.unlinkat(root, "link", AT_REMOVEDIR).ok());
  std::set<std::vector<std::string>> seen;
  for (const auto& state : disk.crash_states()) {
    const auto crashed = disk.crash(state);
    // Whether the first or the second: something is there under that name.
    CHECK(crashed->exists("/q/folder"));
    seen.insert(crashed->list("/q"));
  }
  CHECK(seen == std::set<std::vector<std::string>>{{"folder"}, {"folder", "link"}});
  REQUIRE(disk.fsync(root).ok());
  CHECK(disk.crash(disk.keep_nothing())->read_file("/q/folder") == "/elsewhere");
}

TEST_CASE("closing everything frees locks and unlinked files", "[support][simulation]") {
  SimulatedSys sys;
  sys.plant_file("/q/a", "content");
  const int fd = sys.openat(AT_FDCWD, "/q/a", O_RDWR).fd();
  REQUIRE(sys.flock(fd, LOCK_EX).ok());
  const int other = sys.openat(AT_FDCWD, "/q/a", O_RDWR).fd();
  CHECK(sys.flock(other, LOCK_EX | LOCK_NB).error() == EWOULDBLOCK);
  sys.unlink("/q/a");
  CHECK(sys.open_descriptor_count() == 2);
  sys.close_all();
  CHECK(sys.open_descriptor_count() == 0);
  CHECK(sys.close(fd).error() == EBADF);
  CHECK(sys.list("/q").empty());
}

TEST_CASE("a lock is waited for", "[support][simulation]") {
  SimulatedSys sys;
  sys.plant_file("/q/a", "");
  const int holder = sys.openat(AT_FDCWD, "/q/a", O_RDWR).fd();
  const int waiter = sys.openat(AT_FDCWD, "/q/a", O_RDWR).fd();
  REQUIRE(sys.flock(holder, LOCK_EX).ok());
  bool locked = false;
  std::thread thread{[&] { locked = sys.flock(waiter, LOCK_EX).ok(); }};
  CHECK(sys.close(holder).ok());
  thread.join();
  CHECK(locked);
}

TEST_CASE("a full disk takes a part of a write, then nothing", "[support][simulation]") {
  SimulatedSys sys;
  sys.plant_directory("/q");
  const int fd = sys.openat(AT_FDCWD, "/q/a", O_CREAT | O_WRONLY, 0600).fd();
  sys.set_capacity(8192 + 10);  // Two directories stand on it.
  const std::string bytes(16, 'x');
  CHECK(sys.write(fd, bytes.data(), bytes.size()).value() == 10);
  CHECK(sys.write(fd, bytes.data(), bytes.size()).error() == ENOSPC);
  spoolq::detail::FileSystemInfo info;
  REQUIRE(sys.file_system(fd, info).ok());
  CHECK(info.free_bytes == 0);
  CHECK(info.type == 0xEF53);
  sys.set_capacity(1'000'000);
  CHECK(sys.write(fd, bytes.data(), bytes.size()).value() == 16);
}

TEST_CASE("time passes, and only CLOCK_REALTIME can be set", "[support][simulation]") {
  SimulatedSys sys;
  const auto read = [&sys](clockid_t clock) {
    timespec now = {};
    REQUIRE(sys.clock_gettime(clock, now).ok());
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
  };
  const auto first = read(CLOCK_MONOTONIC);
  CHECK(read(CLOCK_MONOTONIC) == first + 1000);
  sys.advance(std::chrono::seconds{60});
  CHECK(read(CLOCK_BOOTTIME) == first + 60'000'000'000 + 2000);
  sys.set_realtime(std::chrono::seconds{5});
  CHECK(read(CLOCK_REALTIME) == 5'000'001'000);
  CHECK(read(CLOCK_MONOTONIC) > first);
}

TEST_CASE("calls are recorded with their paths", "[support][simulation]") {
  SimulatedSys sys;
  sys.plant_file("/q/tmp/a", "");
  sys.plant_directory("/q/new");
  const int root = sys.openat2(AT_FDCWD, "/q", O_RDONLY | O_DIRECTORY, RESOLVE_NO_SYMLINKS).fd();
  const int tmp = sys.openat(root, "tmp", O_RDONLY | O_DIRECTORY).fd();
  const int incoming = sys.openat(root, "new", O_RDONLY | O_DIRECTORY).fd();
  sys.clear_calls();
  REQUIRE(sys.renameat2(tmp, "a", incoming, "b", kNoReplace).ok());
  REQUIRE(sys.fsync(incoming).ok());
  REQUIRE(!sys.unlinkat(incoming, "a").ok());
  std::vector<std::string> texts;
  for (const auto& each : sys.calls()) texts.push_back(to_string(each));
  CHECK(texts == std::vector<std::string>{"renameat2 /q/tmp/a -> /q/new/b = 0", "fsync /q/new = 0",
                                          "unlinkat /q/new/a = ENOENT"});
}
