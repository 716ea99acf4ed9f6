// Folders: which directories are opened as a queue's, and which are refused.
#include "queue/store/folders.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <filesystem>

#include "spoolq/queue.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPath = "/q";

/// Shows one folder on another device, as a mount in the middle of the queue would be.
class OtherDevice final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  SysResult fstat(int fd, struct stat& status) override {
    const SysResult result = ForwardingSys::fstat(fd, status);
    if (fd == moved_) ++status.st_dev;
    return result;
  }

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    if (info.call == Call::openat && std::string_view{info.name} == "later") moved_ = result.fd();
    return result;
  }

 private:
  int moved_ = -1;
};

void change_mode(SimulatedSys& disk, const std::string& path, mode_t mode) {
  const auto opened = disk.openat2(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY, 0);
  REQUIRE(disk.fchmod(opened.fd(), mode).ok());
  static_cast<void>(disk.close(opened.fd()));
}

}  // namespace

TEST_CASE("without one of a Maildir's folders it is no queue, and the error names the folder",
          "[queue][open]") {
  const auto missing = GENERATE(as<std::string>{}, "tmp", "new", "cur");
  SimulatedSys disk;
  for (const std::string folder :
       {"tmp", "new", "cur", "later", "failed", "done", "bad", "consumers"}) {
    if (folder != missing) disk.plant_directory("/q/" + folder);
  }
  CHECK(error_of([&] { return open_queue(disk, kPath); }) == errc::not_a_queue);
  CHECK(text_of([&] { open_queue(disk, kPath); }).find(missing + "/") != std::string::npos);
}

TEST_CASE("a queue that lost a folder says so, and init makes it again", "[queue][open]") {
  SimulatedSys disk;
  detail::init_queue(disk, kPath, {});
  const auto root = disk.openat2(AT_FDCWD, kPath, O_RDONLY | O_DIRECTORY, 0);
  REQUIRE(disk.unlinkat(root.fd(), "failed", AT_REMOVEDIR).ok());
  CHECK(error_of([&] { return open_queue(disk, kPath); }) == errc::not_a_queue);
  CHECK(text_of([&] { open_queue(disk, kPath); }).find("failed") != std::string::npos);
  detail::init_queue(disk, kPath, {});
  CHECK_NOTHROW(open_queue(disk, kPath));
}

TEST_CASE("folders on different mounts are refused", "[queue][open]") {
  SimulatedSys disk;
  detail::init_queue(disk, kPath, {});
  OtherDevice sys{disk};
  CHECK(error_of([&] { return open_queue(sys, kPath); }) == errno_code(EXDEV));
  // A bind mount has the same device.
  disk.set_mount_id("/q/done", 7);
  CHECK(error_of([&] { return open_queue(disk, kPath); }) == errno_code(EXDEV));
  CHECK(text_of([&] { open_queue(disk, kPath); }).find("/q/done") != std::string::npos);
}

TEST_CASE("folders that everybody may write to are refused", "[queue][open]") {
  const auto folder = GENERATE(as<std::string>{}, "/q", "/q/new", "/q/cur", "/q/consumers");
  SimulatedSys disk;
  detail::init_queue(disk, kPath, {});
  change_mode(disk, folder, 0772);
  CHECK(error_of([&] { return open_queue(disk, kPath); }) == errc::unsafe_permissions);
  CHECK(text_of([&] { open_queue(disk, kPath); }).find(folder) != std::string::npos);
  change_mode(disk, folder, 0775);
  CHECK_NOTHROW(open_queue(disk, kPath));
}

TEST_CASE("a folder that is a symbolic link or a file is refused", "[queue][open]") {
  SimulatedSys disk;
  for (const char* folder : {"/q/tmp", "/q/cur", "/elsewhere"}) disk.plant_directory(folder);
  SECTION("link") {
    disk.plant_directory("/q/new");
    disk.plant_symlink("/q/later", "/elsewhere");
  }
  SECTION("file") { disk.plant_file("/q/new", ""); }
  CHECK_THROWS_AS(open_queue(disk, kPath), Error);
  CHECK_THROWS_AS(detail::init_queue(disk, kPath, {}), Error);
  CHECK(disk.list("/elsewhere").empty());
}

TEST_CASE("symbolic links on the way to a queue are resolved once", "[queue][open]") {
  const MemoryDirectory directory;
  Queue::init(directory / "real/q", {{"min_free", "0"}});
  fs::create_directory_symlink("real", directory / "link");
  fs::create_directory_symlink("link/q", directory / "q");
  const Queue queue = Queue::open(directory / "q");
  CHECK(queue.path() == directory / "real/q");
  // A link that is changed later changes nothing for who has the queue open.
  fs::remove(directory / "q");
  fs::remove(directory / "link");
  Producer{queue}.put("x");
  CHECK(Queue::open(directory / "real/q").stats().ready == 1);
}

}  // namespace spoolq::test
