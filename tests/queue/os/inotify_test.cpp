// Inotify: the events of a real folder.
#include "queue/os/inotify.hpp"

#include <fcntl.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <utility>

#include "tests/support/catch.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

using Names = std::vector<std::string>;
using Clock = std::chrono::steady_clock;

/// A folder and an inotify descriptor.
struct Fixture {
  MemoryDirectory directory;
  std::string path = directory / "watched";
  detail::UniqueFd folder;
  detail::Inotify inotify;

  Fixture() {
    fs::create_directory(path);
    const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    folder = detail::UniqueFd{detail::real_sys(), fd};
    REQUIRE(inotify.open());
  }
  void make(const std::string& name) const { std::ofstream{fs::path{path} / name} << "x"; }
  [[nodiscard]] Names names() const {
    Names found;
    inotify.for_each_event(
        [&](const detail::InotifyEvent& event) { found.emplace_back(event.name); });
    return found;
  }
};

}  // namespace

TEST_CASE("inotify tells the names that appear in a folder, each once", "[queue][inotify]") {
  const Fixture fixture;
  REQUIRE(fixture.inotify.add(fixture.folder.get(), fixture.path, IN_CREATE) >= 0);
  CHECK(fixture.inotify.queued() == 0);
  CHECK(fixture.names().empty());
  fixture.make("one");
  fixture.make(std::string(200, 'n'));
  CHECK(fixture.inotify.queued() > 0);
  CHECK(fixture.names() == Names{"one", std::string(200, 'n')});
  CHECK(fixture.inotify.queued() == 0);
}

TEST_CASE("inotify watches the folder that is open, whatever its path is", "[queue][inotify]") {
  Fixture fixture;
  const std::string renamed = fixture.directory / "renamed";
  fs::rename(fixture.path, renamed);
  REQUIRE(fixture.inotify.add(fixture.folder.get(), fixture.path, IN_CREATE) >= 0);
  fixture.path = renamed;
  fixture.make("one");
  CHECK(fixture.names() == Names{"one"});
}

TEST_CASE("the two events of a rename have one cookie, and a folder is one", "[queue][inotify]") {
  const Fixture fixture;
  fixture.make("one");
  const int watch = fixture.inotify.add(fixture.folder.get(), fixture.path, IN_MOVE | IN_CREATE);
  REQUIRE(watch >= 0);
  fs::rename(fs::path{fixture.path} / "one", fs::path{fixture.path} / "two");
  fs::create_directory(fs::path{fixture.path} / "folder");
  std::vector<std::uint32_t> cookies;
  std::vector<bool> directories;
  fixture.inotify.for_each_event([&](const detail::InotifyEvent& event) {
    CHECK(event.watch == watch);
    CHECK_FALSE(event.overflow());
    cookies.push_back(event.cookie);
    directories.push_back(event.is_directory());
  });
  REQUIRE(cookies.size() == 3);
  CHECK(cookies[0] == cookies[1]);
  CHECK(cookies[0] != 0);
  CHECK(directories == std::vector<bool>{false, false, true});
}

TEST_CASE("a wait ends when it is woken, at an event and at its limit", "[queue][inotify]") {
  const Fixture fixture;
  REQUIRE(fixture.inotify.add(fixture.folder.get(), fixture.path, IN_CREATE) >= 0);
  const detail::Wake wake;
  const auto seconds_of_wait = [&](Duration timeout) {
    const auto begin = Clock::now();
    detail::wait_for(wake, timeout, fixture.inotify.descriptor());
    return std::chrono::duration<double>(Clock::now() - begin).count();
  };
  CHECK(seconds_of_wait(Duration{50}) >= 0.049);
  CHECK(seconds_of_wait(Duration{-1}) < 10);
  wake.set();
  CHECK(seconds_of_wait(Duration{20'000}) < 10);
  CHECK(wake.clear());
  fixture.make("one");
  CHECK(seconds_of_wait(Duration{20'000}) < 10);
}

TEST_CASE("a wait without a limit, or with one beyond the clock, has no end", "[queue][inotify]") {
  CHECK(detail::end_of_wait(std::nullopt) == Clock::time_point::max());
  CHECK(detail::end_of_wait(Duration::max()) == Clock::time_point::max());
  const auto now = Clock::now();
  CHECK(detail::end_of_wait(Duration{-60'000}) >= now);
  CHECK(detail::end_of_wait(std::chrono::hours{1}) >= now + std::chrono::hours{1});
}

TEST_CASE("SPOOLQ_POLL forces polling unless it is empty or 0", "[queue][inotify]") {
  const char* const before = ::getenv("SPOOLQ_POLL");
  const std::optional<std::string> saved =
      before != nullptr ? std::optional<std::string>{before} : std::nullopt;
  for (const auto& [value, is_forced] : {std::pair{"1", true}, std::pair{"yes", true},
                                         std::pair{"0", false}, std::pair{"", false}}) {
    INFO(value);
    ::setenv("SPOOLQ_POLL", value, 1);
    CHECK(detail::polling_is_forced() == is_forced);
  }
  ::unsetenv("SPOOLQ_POLL");
  CHECK_FALSE(detail::polling_is_forced());
  if (saved) ::setenv("SPOOLQ_POLL", saved->c_str(), 1);
}

}  // namespace spoolq::test
