// Making a queue, and completing a half-made one.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "queue/format/settings.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/process_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPath = "/q";
const std::vector<std::string> kFolders{"bad",    "consumers", "cur", "done",
                                        "failed", "later",     "new", "tmp"};

void make_maildir(SimulatedSys& disk) {
  for (const char* folder : {"/q/tmp", "/q/new", "/q/cur"}) disk.plant_directory(folder);
  disk.plant_file("/q/new/1795403405.M633299P10625Q1.vm", "new mail");
  disk.plant_file("/q/cur/1795403404.M1P1.vm:2,S", "read mail");
  disk.plant_file("/q/dovecot.index", "not ours");
}

/// Completes what is there, and says what is wrong with it then.
std::string complete(SimulatedSys& disk) {
  try {
    // spoolq.json is written last: where it stands, the queue opens as it is.
    if (disk.exists("/q/spoolq.json")) open_queue(disk, kPath);
    detail::init_queue(disk, kPath, {{"min_free", "0"}});
    const auto queue = open_queue(disk, kPath);
    put(queue, "x");
    if (queue->is_maildir()) return "it is a Maildir";
    if (disk.list("/q/consumers").size() != 4) return "spares are missing";
  } catch (const Error& error) {
    return error.what();
  }
  for (const std::string& folder : kFolders) {
    if (!disk.exists("/q/" + folder)) return folder + " is missing";
  }
  return {};
}

/// Cuts the power after each call.
class PowerCutSys final : public ForwardingSys {
 public:
  explicit PowerCutSys(SimulatedSys& disk) : ForwardingSys{disk}, disk_{disk} {}

  std::uint64_t states = 0;
  std::string wrong;

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    // Changes nothing, and locks are opened under a mutex of the process.
    const bool only_opens = info.call == Call::openat && (info.flags & O_CREAT) == 0;
    if (only_opens || info.call == Call::close) return result;
    for (const CrashState& state : disk_.crash_states()) {
      const auto crashed = disk_.crash(state);
      ++states;
      const std::string found = complete(*crashed);
      if (found.empty() || wrong.size() > 2'000) continue;
      wrong += fmt::format("after {} ({}): {}\n", to_string(info.call), state.description, found);
    }
    return result;
  }

 private:
  SimulatedSys& disk_;
};

mode_t mode_of(const fs::path& path) {
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

/// Sets the umask until the end of a test.
class Umask {
 public:
  explicit Umask(mode_t mask) : before_{::umask(mask)} {}
  Umask(const Umask&) = delete;
  Umask& operator=(const Umask&) = delete;
  ~Umask() { ::umask(before_); }

 private:
  mode_t before_;
};

}  // namespace

TEST_CASE("init makes all of a queue, and a second init changes nothing", "[queue][init]") {
  SimulatedSys disk;
  detail::init_queue(disk, kPath, {{"max_attempts", "3"}});
  for (const std::string& folder : kFolders) CHECK(disk.exists("/q/" + folder));
  CHECK(disk.exists("/q/ballast"));
  CHECK(disk.list("/q/consumers").size() == 4);
  const std::string before = disk.dump();
  const std::string settings = disk.read_file("/q/spoolq.json");
  detail::init_queue(disk, kPath, {});
  CHECK(disk.dump() == before);
  detail::init_queue(disk, kPath, {{"settle", "1s"}});
  const auto queue = open_queue(disk, kPath);
  CHECK(queue->settings()->max_attempts == 3);
  CHECK(queue->settings()->settle == std::chrono::seconds{1});
  CHECK(queue->queue_id() == detail::parse_queue_file(settings, "").queue_id);
  CHECK(disk.list("/q").size() == kFolders.size() + 2);
}

TEST_CASE("when init has returned the queue survives a power cut", "[queue][init][crash]") {
  const auto model = GENERATE(CrashModel::journal, CrashModel::per_directory);
  SimulatedSys disk{model};
  disk.plant_directory("/srv");
  detail::init_queue(disk, "/srv/q", {{"max_attempts", "3"}});
  const auto crashed = disk.crash(disk.keep_nothing());
  CHECK(open_queue(*crashed, "/srv/q")->settings()->max_attempts == 3);
}

TEST_CASE("a queue whose init died at any call is completed by the next", "[queue][init][kill]") {
  bool died = true;
  std::uint64_t calls = 0;
  while (died) {
    SimulatedSys disk;
    ProcessSys process{disk, ++calls};
    try {
      detail::init_queue(process, kPath, {{"min_free", "0"}});
    } catch (const Error&) {
      // It is dead.
    }
    died = process.dead();
    INFO(calls);
    CHECK(complete(disk) == "");
    CHECK(disk.open_descriptor_count() == 0);
  }
  CHECK(calls > 50);
}

TEST_CASE("a queue whose init lost power at any call is completed by the next",
          "[queue][init][crash]") {
  const auto model = GENERATE(CrashModel::journal, CrashModel::per_directory);
  SimulatedSys disk{model};
  disk.record_calls(false);
  PowerCutSys sys{disk};
  detail::init_queue(sys, kPath, {{"min_free", "0"}});
  INFO(sys.wrong);
  CHECK(sys.wrong.empty());
  CHECK(sys.states > 100);
}

TEST_CASE("init of a Maildir leaves its mail untouched", "[queue][init][maildir]") {
  SimulatedSys disk;
  make_maildir(disk);
  const auto mail = [&] {
    return std::vector{disk.read_file("/q/new/1795403405.M633299P10625Q1.vm"),
                       disk.read_file("/q/cur/1795403404.M1P1.vm:2,S"),
                       disk.read_file("/q/dovecot.index")};
  };
  const auto before = mail();
  detail::init_queue(disk, kPath, {});
  CHECK(mail() == before);
  CHECK(disk.list("/q/new").size() == 1);
  CHECK(disk.list("/q/cur").size() == 1);
  const auto queue = open_queue(disk, kPath);
  CHECK_FALSE(queue->is_maildir());
  CHECK(messages(*queue, State::claimed).empty());
  CHECK(messages(*queue, State::ready).size() == 1);
}

TEST_CASE("a Maildir takes messages and is looked at, and no more", "[queue][open][maildir]") {
  SimulatedSys disk;
  make_maildir(disk);
  const auto open = open_queue(disk, kPath);
  Queue queue = handle(open);
  CHECK(queue.is_maildir());
  CHECK(queue.settings() == detail::list_settings({}));
  put(open, "x");
  CHECK(queue.list(State::ready).size() == 2);
  CHECK(queue.list(State::delayed).empty());
  CHECK(queue.stats().ready == 2);
  PutOptions options;
  options.delay = std::chrono::hours{1};
  CHECK(text_of([&] { put(open, "x", options); }).find("spoolq init") != std::string::npos);
  CHECK(error_of([&] { return put(open, "x", options); }) == errc::not_a_queue);
  CHECK(error_of([&] { return queue.reap(); }) == errc::not_a_queue);
  CHECK(error_of([&] { return Consumer{queue}.try_take(); }) == errc::not_a_queue);
  CHECK(error_of([&] {
          queue.configure({{"settle", "1s"}});
          return 0;
        }) == errc::not_a_queue);
  CHECK(disk.list("/q/tmp").empty());
  CHECK(disk.list("/q").size() == 4);
}

TEST_CASE("bad settings are refused before anything is made", "[queue][init]") {
  const MemoryDirectory directory;
  CHECK(error_of([&] { return Queue::init(directory / "a/b/q", {{"no_such", "1"}}); }) ==
        errc::bad_settings);
  CHECK_FALSE(fs::exists(directory / "a"));
}

TEST_CASE("init makes the folders above, and takes any spelling of a path", "[queue][init]") {
  const MemoryDirectory directory;
  CHECK(Queue::init(directory / "a/b/q").path() == directory / "a/b/q");
  CHECK(Queue::init(directory / "a/b/r/").path() == directory / "a/b/r");
  CHECK(Queue::init(directory / "a/./b/../s").path() == directory / "a/s");
  CHECK(Queue::init(directory / "a/b/q/.").path() == directory / "a/b/q");
}

TEST_CASE("init over a plain file is refused", "[queue][init]") {
  const MemoryDirectory directory;
  std::ofstream{directory / "file"} << "precious";
  CHECK_THROWS_AS(Queue::init(directory / "file"), Error);
  CHECK_THROWS_AS(Queue::init(directory / "file/below"), Error);
  CHECK(fs::file_size(directory / "file") == 8);
}

TEST_CASE("the umask does not change what init and put make", "[queue][init][put]") {
  const Umask umask{static_cast<mode_t>(GENERATE(0000, 0022, 0077))};
  const MemoryDirectory directory;
  const Queue queue = Queue::init(directory / "q", {{"mode", "0750"}, {"min_free", "0"}});
  CHECK(mode_of(directory / "q") == 0750);
  for (const std::string& folder : kFolders) CHECK(mode_of(directory / ("q/" + folder)) == 0750);
  CHECK(mode_of(directory / "q/spoolq.json") == 0640);
  Producer{queue}.put("x");
  CHECK(mode_of(queue.list(State::ready).at(0).path) == 0640);
}

TEST_CASE("a directory with settings is a queue, also with damaged ones", "[init]") {
  MemoryDirectory directory;
  const fs::path path = directory / "q";
  CHECK_FALSE(Queue::is_queue(path));
  fs::create_directories(path / "new");
  CHECK_FALSE(Queue::is_queue(path));
  std::ofstream{path / "spoolq.json"} << "{";
  CHECK(Queue::is_queue(path));
}

}  // namespace spoolq::test
