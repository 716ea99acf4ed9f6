// Opening, reading and writing files, however the kernel cuts a call.
#include "queue/os/files.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/simulated_sys.hpp"

namespace spoolq::test {
namespace {

using detail::UniqueFd;

/// Reads and writes at most three bytes a call; `writes_nothing` makes a write take none.
class SmallParts final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  bool writes_nothing = false;

  SysResult read(int fd, void* buffer, std::size_t size) override {
    return ForwardingSys::read(fd, buffer, std::min<std::size_t>(size, 3));
  }
  SysResult write(int fd, const void* bytes, std::size_t size) override {
    if (writes_nothing) return SysResult::success(0);
    return ForwardingSys::write(fd, bytes, std::min<std::size_t>(size, 3));
  }
};

struct Fixture {
  SimulatedSys disk;
  SmallParts sys{disk};
  UniqueFd folder;

  Fixture() {
    disk.plant_file("/d/file", "ten bytes!");
    folder = UniqueFd{disk, disk.openat2(AT_FDCWD, "/d", O_RDONLY | O_DIRECTORY, 0)};
  }
  UniqueFd open(const char* name, int flags) {
    return UniqueFd{disk, disk.openat(folder.get(), name, flags | O_CLOEXEC, 0600)};
  }
};

}  // namespace

TEST_CASE("all bytes are written and read in parts of any size", "[queue][files]") {
  Fixture fixture;
  const UniqueFd written = fixture.open("new", O_WRONLY | O_CREAT | O_EXCL);
  detail::write_all(fixture.sys, written.get(), "0123456789", "new");
  CHECK(fixture.disk.read_file("/d/new") == "0123456789");
  const UniqueFd file = fixture.open("new", O_RDONLY);
  std::string text;
  detail::read_all(fixture.sys, file.get(), "new", [&](std::string_view part) { text += part; });
  CHECK(text == "0123456789");
}

TEST_CASE("a write that takes nothing is an error", "[queue][files]") {
  Fixture fixture;
  fixture.sys.writes_nothing = true;
  const UniqueFd file = fixture.open("file", O_WRONLY);
  CHECK(error_of([&] { return detail::write_all(fixture.sys, file.get(), "x", "file"), 0; }) ==
        errno_code(EIO));
}

TEST_CASE("a whole file is read if it is there and no longer than a megabyte", "[queue][files]") {
  Fixture fixture;
  const auto read = [&](const char* name) {
    return detail::read_whole_file(fixture.disk, fixture.folder.get(), name, name);
  };
  CHECK(read("file") == "ten bytes!");
  CHECK(read("gone") == std::nullopt);
  fixture.disk.plant_symlink("/d/link", "/d/file");
  CHECK(error_of([&] { return read("link"); }) == errno_code(ELOOP));
  constexpr std::size_t kMegabyte = std::size_t{1} << 20U;
  fixture.disk.plant_file("/d/long", std::string(kMegabyte, 'x'));
  CHECK(read("long").value().size() == kMegabyte);
  fixture.disk.plant_file("/d/longer", std::string(kMegabyte + 1, 'x'));
  CHECK(error_of([&] { return read("longer"); }) == errno_code(EFBIG));
}

TEST_CASE("two names are the same file if both are there", "[queue][files]") {
  Fixture fixture;
  fixture.disk.plant_hard_link("/d/file", "/d/link");
  fixture.disk.plant_file("/d/other", "ten bytes!");
  const int folder = fixture.folder.get();
  CHECK(detail::is_same_file(fixture.disk, folder, "file", folder, "link"));
  CHECK_FALSE(detail::is_same_file(fixture.disk, folder, "file", folder, "other"));
  CHECK_FALSE(detail::is_same_file(fixture.disk, folder, "gone", folder, "gone"));
}

TEST_CASE("only a directory is opened below another one", "[queue][files]") {
  Fixture fixture;
  fixture.disk.plant_directory("/d/below");
  const int folder = fixture.folder.get();
  CHECK(detail::open_below(fixture.disk, folder, "below", "below"));
  CHECK(error_of([&] { return detail::open_below(fixture.disk, folder, "gone", "gone"); }) ==
        errno_code(ENOENT));
  CHECK_FALSE(detail::try_open_below(fixture.disk, folder, "gone", "gone"));
  CHECK(error_of([&] { return detail::try_open_below(fixture.disk, folder, "file", "file"); }) ==
        errno_code(ENOTDIR));
}

}  // namespace spoolq::test
