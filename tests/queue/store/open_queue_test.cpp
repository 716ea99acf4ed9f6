// OpenQueue: what is no queue, and settings that change or vanish while one is open.
#include "queue/store/open_queue.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "spoolq/queue.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {

namespace fs = std::filesystem;

TEST_CASE("where nothing is, nothing is opened", "[queue][open]") {
  const MemoryDirectory directory;
  std::ofstream{directory / "file"} << "x";
  fs::create_directory(directory / "empty");
  const auto error = [&](const std::string& name) {
    return error_of([&] { return Queue::open(directory / name); });
  };
  CHECK(error("missing") == errc::not_a_queue);
  CHECK(error("missing/below") == errc::not_a_queue);
  CHECK(error("file/below") == errc::not_a_queue);
  CHECK(error("empty") == errc::not_a_queue);
  CHECK(error("file") == errno_code(ENOTDIR));
  CHECK_FALSE(fs::exists(directory / "missing"));
}

TEST_CASE("an open queue sees settings that another handle changed", "[queue][open][settings]") {
  World world;
  const auto other = world.open(world.disk);
  const auto before = world.queue->settings();
  other->configure({{"max_attempts", "7"}, {"max_size", "1K"}});
  CHECK(world.queue->settings()->max_attempts == 5);
  world.queue->refresh_settings();
  CHECK(world.queue->settings()->max_attempts == 7);
  CHECK(before->max_attempts == 5);
  CHECK(handle(world.queue).settings().at(0) == SettingChange{"max_attempts", "7"});
  // A put looks by itself.
  other->configure({{"max_size", "2"}});
  CHECK(error_of([&] { return put(world.queue, "xyz"); }) == errc::too_large);
}

TEST_CASE("settings that cannot be read are reported, and the old ones stay",
          "[queue][open][settings]") {
  World world;
  world.disk.unlink("/q/spoolq.json");
  world.queue->refresh_settings();
  CHECK(world.queue->settings()->min_free == 0);
  world.disk.plant_file("/q/spoolq.json", "{\"format\": 1");
  world.queue->refresh_settings();
  CHECK(world.queue->settings()->min_free == 0);
  CHECK(world.log.has("settings not changed"));
  const std::size_t lines = world.log.size();
  world.queue->refresh_settings();
  CHECK(world.log.size() == lines);
  CHECK_NOTHROW(put(world.queue, "x"));
}

TEST_CASE("settings that could not be read for a moment are read at the next look",
          "[queue][settings]") {
  World world;
  class Unreadable final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;
    bool fails = false;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (fails && info.call == Call::read) return SysResult::failure(EIO);
      return std::nullopt;
    }
  } sys{world.disk};
  const auto queue = world.open(sys);
  world.queue->configure({{"max_attempts", "9"}});
  sys.fails = true;
  queue->refresh_settings();
  CHECK(queue->settings()->max_attempts == 5);
  sys.fails = false;
  queue->refresh_settings();
  CHECK(queue->settings()->max_attempts == 9);
}

TEST_CASE("a running consumer goes on without spoolq.json, warns once, and does not write it",
          "[queue][open][cleaner]") {
  World world{{{"settle", "7s"}}};
  world.disk.unlink("/q/spoolq.json");
  const std::size_t before = world.log.size();
  for (int i = 0; i < 3; ++i) world.queue->refresh_settings();
  CHECK(world.log.size() == before + 1);
  CHECK(world.log.has("spoolq.json cannot be found"));
  CHECK(world.log.has("'spoolq init /q'"));
  CHECK(world.queue->settings()->settle == std::chrono::seconds{7});
  CHECK(error_of([&] { world.queue->configure({{"settle", "8s"}}); }) == errc::not_a_queue);
  CHECK_FALSE(world.disk.exists("/q/spoolq.json"));
}

TEST_CASE("a queue without spoolq.json is not opened with default settings",
          "[queue][open][cleaner]") {
  World world;
  world.disk.unlink("/q/spoolq.json");
  const auto open = [&] { open_queue(world.disk, World::kPath); };
  CHECK(error_of(open) == errc::not_a_queue);
  CHECK(text_of(open).find("'spoolq init /q'") != std::string::npos);
}

TEST_CASE("settings that several processes change at once are all kept", "[queue][settings]") {
  const MemoryDirectory directory;
  const std::string path = directory / "q";
  const std::vector<SettingChange> changes{{"max_attempts", "77"}, {"settle", "8s"},
                                           {"keep_done", "on"},    {"lease", "9m"},
                                           {"max_size", "3M"},     {"order", "strict"}};
  std::vector<std::thread> threads;
  for (const SettingChange& change : changes) {
    threads.emplace_back([&] { Queue::init(path, {change}); });
  }
  for (std::thread& thread : threads) thread.join();
  const auto settings = Queue::open(path).settings();
  for (const SettingChange& change : changes) {
    INFO(change.first);
    CHECK(std::ranges::count(settings, change) == 1);
  }
}

TEST_CASE("a change of the settings does not wait for ever", "[queue][settings]") {
  const MemoryDirectory directory;
  const std::string path = directory / "q";
  Queue queue = Queue::init(path);
  const int folder = ::open((path + "/bad").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(::flock(folder, LOCK_EX) == 0);
  const auto refused = error_of([&] { return queue.configure({{"settle", "8s"}}), 0; });
  CHECK(refused == errno_code(EAGAIN));
  CHECK(refused == condition::temporary);
  ::close(folder);
  CHECK_NOTHROW(queue.configure({{"settle", "8s"}}));
}

}  // namespace spoolq::test
