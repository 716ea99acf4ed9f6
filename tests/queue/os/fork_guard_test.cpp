// What a forked child has of its parent's locks and objects.
#include "queue/os/fork_guard.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "queue/os/unique_fd.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

using detail::LockFd;
using detail::SysResult;

SysResult open_file(const std::string& path) {
  return detail::real_sys().openat(AT_FDCWD, path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

/// Whether another descriptor of the file gets the lock.
bool is_free(const std::string& path) {
  const detail::UniqueFd other{detail::real_sys(), open_file(path)};
  return ::flock(other.get(), LOCK_EX | LOCK_NB) == 0;
}

}  // namespace

TEST_CASE("an object is foreign in a child that was forked after it was made", "[queue][fork]") {
  const detail::ProcessMark mark;
  CHECK_FALSE(mark.foreign());
  CHECK_NOTHROW(mark.require_own("use", "it"));
  ChildProcess child{[&] {
    if (!mark.foreign()) return 1;
    if (error_of([&] { return mark.require_own("use", "it"), 0; }) != errc::foreign_process) {
      return 2;
    }
    return detail::ProcessMark{}.foreign() ? 3 : 0;
  }};
  CHECK(child.wait() == 0);
  CHECK_FALSE(mark.foreign());
}

TEST_CASE("a lock ends with its process, although a forked child lives", "[queue][fork]") {
  const MemoryDirectory directory;
  const std::string path = directory / "lock";
  Pipe ready;
  LockFd lock{detail::real_sys(), [&] { return open_file(path); }};
  REQUIRE(::flock(lock.get(), LOCK_EX | LOCK_NB) == 0);
  ChildProcess child{[&] {
    ready.send(is_open(lock.get()) ? "o" : "c");
    ::pause();
    return 0;
  }};
  CHECK(ready.receive(1) == "c");
  CHECK_FALSE(is_free(path));
  lock = LockFd{};
  CHECK(is_free(path));
}

TEST_CASE("in a child the destructor of a lock closes no file that has its number by now",
          "[queue][fork]") {
  const MemoryDirectory directory;
  auto lock =
      std::make_unique<LockFd>(detail::real_sys(), [&] { return open_file(directory / "a"); });
  ChildProcess child{[&] {
    const int number = lock->get();
    const int other = open_file(directory / "b").fd();
    if (::dup2(other, number) != number) return 1;
    lock.reset();
    return is_open(number) ? 0 : 2;
  }};
  CHECK(child.wait() == 0);
}

TEST_CASE("a lock's descriptor moves, and one that cannot be opened has its errno",
          "[queue][fork]") {
  const MemoryDirectory directory;
  LockFd first{detail::real_sys(), [&] { return open_file(directory / "lock"); }};
  const int fd = first.get();
  {
    const LockFd second{std::move(first)};
    CHECK(second.get() == fd);
    CHECK(first.get() < 0);  // NOLINT(bugprone-use-after-move): it is empty then.
    CHECK(is_open(fd));
  }
  CHECK_FALSE(is_open(fd));
  const LockFd failed{detail::real_sys(), [&] { return open_file(directory / "no/lock"); }};
  CHECK(failed.get() < 0);
  CHECK(failed.error() == ENOENT);
}

}  // namespace spoolq::test
