// Queues whose new/ is a folder of other programs: which folders can be that, which links are
// followed, and what an init that was interrupted leaves.
#include "queue/store/inbox.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <filesystem>
#include <fstream>

#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/failing_sys.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/process_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPath = "/q";
constexpr const char* kInbox = "/inbox";

void init(detail::Sys& sys, const std::string& path = kPath, const std::string& inbox = kInbox) {
  detail::init_queue(sys, path, {{"min_free", "0"}}, inbox);
}

/// Drops a file into the inbox as another program does.
void drop(SimulatedSys& disk) { disk.plant_file("/inbox/1795403405.P10625Q1.vm", "dropped"); }

/// Something happens before each call.
class BeforeEach final : public ForwardingSys {
 public:
  BeforeEach(detail::Sys& inner, std::function<void()> act)
      : ForwardingSys{inner}, act_{std::move(act)} {}

 protected:
  std::optional<SysResult> before(const CallInfo&) override {
    act_();
    return std::nullopt;
  }

 private:
  std::function<void()> act_;
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Completes what an interrupted init left, and says what is wrong with it then.
std::string complete(SimulatedSys& disk) {
  try {
    // spoolq.json is written last: where it stands, the link does too.
    if (disk.exists("/q/spoolq.json") && disk.read_file("/q/new") != kInbox) return "no link";
    if (disk.read_file("/inbox/1795403405.P10625Q1.vm") != "dropped") return "the file is gone";
    init(disk);
    Queue queue = handle(open_queue(disk, kPath));
    if (queue.is_maildir()) return "it is a Maildir";
    auto claim = Consumer{queue}.try_take();
    if (!claim || claim->payload() != "dropped") return "nothing can be taken";
    claim->ack();
  } catch (const Error& error) {
    return error.what();
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
    // Changes nothing, and locks are opened and closed under a mutex of the process.
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

}  // namespace

TEST_CASE("a queue with an inbox has the files of that folder, and gives back into it",
          "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  init(disk);
  CHECK(disk.read_file("/q/new") == kInbox);
  const auto open = open_queue(disk, kPath);
  CHECK(open->folders().has_inbox());
  CHECK(handle(open).stats().ready == 1);
  const MessageInfo first = handle(open).list(State::ready).at(0);
  CHECK(first.path == "/q/new/1795403405.P10625Q1.vm");
  Consumer{handle(open)}.try_take()->release();
  CHECK(disk.list(kInbox).size() == 1);
  CHECK(has(disk.list(kInbox).at(0), first.id.to_string()));
  put(open, "x");
  CHECK(disk.list(kInbox).size() == 2);
}

TEST_CASE("init with the same inbox again changes nothing", "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  init(disk);
  const std::string before = disk.dump();
  detail::init_queue(disk, kPath, {}, kInbox);
  // Who completes the queue need not know of the inbox.
  detail::init_queue(disk, kPath, {});
  CHECK(disk.dump() == before);
}

TEST_CASE("an empty new/ is replaced by the link, one with messages or another link is not",
          "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  disk.plant_directory("/other");
  detail::init_queue(disk, kPath, {{"min_free", "0"}});
  SECTION("empty") {
    init(disk);
    CHECK(disk.read_file("/q/new") == kInbox);
    CHECK(disk.list("/q").size() == 10);  // Nothing of another name is left.
  }
  SECTION("a message") {
    put(open_queue(disk, kPath), "x");
    const std::string before = disk.dump();
    CHECK(error_of([&] {
            init(disk);
            return 0;
          }) == errno_code(ENOTEMPTY));
    CHECK(has(text_of([&] { init(disk); }), "mv /q/new/* /inbox"));
    CHECK(disk.dump() == before);
    CHECK(handle(open_queue(disk, kPath)).stats().ready == 1);
  }
  SECTION("another inbox") {
    init(disk, kPath, "/other");
    CHECK(has(text_of([&] { init(disk); }), "its inbox is /other; for another one 'rm /q/new'"));
    CHECK(disk.read_file("/q/new") == "/other");
    disk.unlink("/q/new");
    init(disk);
    CHECK(disk.read_file("/q/new") == kInbox);
  }
}

TEST_CASE("a message that is put while new/ becomes a link is not lost", "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  detail::init_queue(disk, kPath, {{"min_free", "0"}});
  const auto producer = open_queue(disk, kPath);
  /// Puts just before the two names are exchanged.
  class LastMoment final : public ForwardingSys {
   public:
    LastMoment(Sys& inner, std::shared_ptr<OpenQueue> queue)
        : ForwardingSys{inner}, queue_{std::move(queue)} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call == Call::renameat2 && info.flags == RENAME_EXCHANGE && !done_) {
        done_ = true;
        put(queue_, "in the last moment");
      }
      return std::nullopt;
    }

   private:
    std::shared_ptr<OpenQueue> queue_;
    bool done_ = false;
  } sys{disk, producer};
  CHECK(error_of([&] {
          init(sys);
          return 0;
        }) == errno_code(ENOTEMPTY));
  CHECK(disk.list("/q").size() == 10);
  CHECK(Consumer{handle(open_queue(disk, kPath))}.try_take()->payload() == "in the last moment");
}

TEST_CASE("a queue, a folder of one, and another mount are no inbox, and nothing is made",
          "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  detail::init_queue(disk, "/other", {});
  const auto refused = [&](const std::string& inbox) {
    const std::string before = disk.dump();
    const std::string text = text_of([&] { init(disk, kPath, inbox); });
    CHECK(disk.dump() == before);
    return text;
  };
  CHECK(has(refused("/other"), "it is a queue itself"));
  CHECK(has(refused("/other/new"), "it is a folder of the queue /other"));
  CHECK(has(refused("/other/failed"), "it is a folder of the queue /other"));
  disk.plant_directory("/q/sub/folder");
  CHECK(has(refused("/q/sub/folder"), "no part of its queue"));
  CHECK(has(refused("/q"), "no part of its queue"));
  CHECK(has(refused("/missing"), "No such file"));
  disk.plant_file("/file", "");
  CHECK(has(refused("/file"), "Not a directory"));
  disk.set_mount_id(kInbox, 7);
  CHECK(has(refused(kInbox), "spoolq adopt /inbox /q"));
}

TEST_CASE("the inbox of another queue is refused as long as that one has it", "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  init(disk);
  const std::string before = disk.dump();
  CHECK(has(text_of([&] { init(disk, "/other"); }), "it is the inbox of the queue /q"));
  CHECK(disk.dump() == before);
  SECTION("the queue has gone") { disk.unlink("/q/new"); }
  SECTION("the queue has a folder of its own now") {
    disk.unlink("/q/new");
    disk.plant_directory("/q/new");
  }
  CHECK_NOTHROW(init(disk, "/other"));
  CHECK(has(text_of([&] { init(disk); }), "it is the inbox of the queue /other"));
}

TEST_CASE("of two that are given one inbox at the same time one is refused", "[queue][inbox]") {
  // The second one begins before each call of the first in turn.
  bool begun = true;
  for (int nth = 1; begun; ++nth) {
    INFO(nth);
    SimulatedSys disk;
    drop(disk);
    begun = false;
    int calls = 0;
    std::string refused;
    BeforeEach sys{disk, [&] {
                     if (++calls != nth) return;
                     begun = true;
                     refused += text_of([&] { init(disk, "/other"); });
                   }};
    refused += text_of([&] { init(sys); });
    CHECK((refused.empty() ? !begun : has(refused, "/inbox")));
    const bool both = disk.exists("/other/new") && disk.exists("/q/new") &&
                      disk.read_file("/other/new") == kInbox && disk.read_file("/q/new") == kInbox;
    CHECK_FALSE(both);
  }
}

TEST_CASE("a queue may be inside of its inbox, and is no message there", "[queue][inbox]") {
  const auto path = GENERATE(as<std::string>{}, "/inbox/.spoolq", "/inbox/q");
  SimulatedSys disk;
  drop(disk);
  init(disk, path);
  Queue queue = handle(open_queue(disk, path));
  CHECK(queue.stats().ready == 1);
  Consumer consumer{queue};
  consumer.try_take()->ack();
  CHECK_FALSE(consumer.try_take());
  CHECK(queue.stats().bad == 0);
  CHECK_NOTHROW(open_queue(disk, path));
}

TEST_CASE("an inbox may be open to everybody, and keeps its mode", "[queue][inbox]") {
  const MemoryDirectory directory;
  fs::create_directory(directory / "inbox");
  const auto mode = static_cast<fs::perms>(GENERATE(0777, 01777, 0555, 0700));
  fs::permissions(directory / "inbox", mode);
  Queue queue = Queue::init_with_inbox(directory / "q", directory / "inbox", {{"mode", "0770"}});
  queue.configure({{"mode", "0700"}});
  Queue::init_with_inbox(directory / "q", directory / "inbox", {{"mode", "0750"}});
  CHECK(fs::status(directory / "inbox").permissions() == mode);
  CHECK(fs::status(directory / "q/cur").permissions() == fs::perms{0750});
  // The queue's own folders are held to what they were.
  fs::permissions(directory / "q/cur", fs::perms{0777});
  CHECK(error_of([&] { return Queue::open(directory / "q"); }) == errc::unsafe_permissions);
}

TEST_CASE("only a link of the queue's owner or of root is followed", "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  init(disk);
  disk.set_owner("/q", 1000);
  disk.set_owner(kInbox, 1000);
  disk.set_owner("/q/new", 1000);
  CHECK_NOTHROW(open_queue(disk, kPath));
  disk.set_owner("/q/new", 0);
  CHECK_NOTHROW(open_queue(disk, kPath));
  disk.set_owner("/q/new", 1001);
  CHECK(error_of([&] { return open_queue(disk, kPath); }) == errno_code(EPERM));
  CHECK(has(text_of([&] { open_queue(disk, kPath); }), "user 1001"));
}

TEST_CASE("a link of the queue's owner is followed to what that owner could take from",
          "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  init(disk);
  disk.set_owner("/q", 1000);
  disk.set_owner("/q/new", 1000);
  const auto opens = [&](mode_t mode) {
    const int folder = disk.openat2(AT_FDCWD, kInbox, O_RDONLY | O_DIRECTORY, 0).fd();
    REQUIRE(disk.fchmod(folder, mode).ok());
    static_cast<void>(disk.close(folder));
    const std::string text = text_of([&] { open_queue(disk, kPath); });
    if (!text.empty()) CHECK(has(text, "user 1000 has made to /inbox, which is not theirs"));
    return text.empty();
  };
  // On this disk everything is of one group.
  CHECK_FALSE(opens(0700));
  CHECK_FALSE(opens(0755));
  CHECK_FALSE(opens(01777));
  CHECK(opens(0777));
  CHECK(opens(0770));
  CHECK_FALSE(opens(01770));
  disk.set_owner(kInbox, 1000);
  CHECK(opens(0700));
  // What root has vouched for, everybody follows.
  disk.set_owner(kInbox, 1001);
  CHECK_FALSE(opens(0700));
  disk.set_owner("/q/new", 0);
  CHECK(opens(0700));
}

TEST_CASE("who cannot make a link that is followed changes nothing", "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  detail::init_queue(disk, kPath, {});
  const std::string before = disk.dump();
  /// Shows what is made now as another user's.
  class OtherUser final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;
    SysResult fstat(int fd, struct stat& status) override {
      const SysResult result = ForwardingSys::fstat(fd, status);
      if (result.ok() && S_ISLNK(status.st_mode)) status.st_uid = 1001;
      return result;
    }
  } sys{disk};
  CHECK(error_of([&] {
          init(sys);
          return 0;
        }) == errno_code(EPERM));
  CHECK(disk.dump() == before);
}

TEST_CASE("a link that leads nowhere says where it leads and what to do", "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  init(disk, kPath);
  const auto open = [&] { return text_of([&] { open_queue(disk, kPath); }); };
  disk.unlink("/q/new");
  SECTION("missing") {
    disk.plant_symlink("/q/new", "/srv/gone");
    CHECK(has(open(), "a link to /srv/gone, where nothing is"));
    CHECK(has(open(), "'rm /q/new', then 'spoolq init --inbox DIR /q'"));
  }
  SECTION("a file") {
    disk.plant_file("/file", "");
    disk.plant_symlink("/q/new", "/file");
    CHECK(has(open(), "/file, which is not a folder"));
  }
  SECTION("relative") {
    disk.plant_symlink("/q/new", "../inbox");
    CHECK(has(open(), "../inbox, which is not an absolute path"));
  }
  SECTION("a link on the way") {
    disk.plant_symlink("/srv", "/inbox");
    disk.plant_symlink("/q/new", "/srv");
    CHECK(has(open(), "/srv, with a symbolic link on the way"));
  }
  CHECK(error_of([&] { return open_queue(disk, kPath); }) == errc::not_a_queue);
}

TEST_CASE("an inbox that came to another mount is refused", "[queue][inbox]") {
  SimulatedSys disk;
  drop(disk);
  init(disk);
  disk.set_mount_id(kInbox, 7);
  CHECK(error_of([&] { return open_queue(disk, kPath); }) == errno_code(EXDEV));
}

TEST_CASE("an init with an inbox that died at any call is completed by the next",
          "[queue][inbox][kill]") {
  bool died = true;
  std::uint64_t calls = 0;
  while (died) {
    SimulatedSys disk;
    drop(disk);
    ProcessSys process{disk, ++calls};
    try {
      init(process);
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

TEST_CASE("an init with an inbox that lost power at any call is completed by the next",
          "[queue][inbox][crash]") {
  const auto model = GENERATE(CrashModel::journal, CrashModel::per_directory);
  SimulatedSys disk{model};
  drop(disk);
  disk.record_calls(false);
  PowerCutSys sys{disk};
  init(sys);
  INFO(sys.wrong);
  CHECK(sys.wrong.empty());
  CHECK(sys.states > 100);
}

TEST_CASE("an init with an inbox of which any call failed is completed by the next",
          "[queue][inbox][fault]") {
  const auto persistence = GENERATE(Persistence::once, Persistence::same_call);
  for_each_fault(persistence, [&](const Fault& fault) {
    SimulatedSys disk;
    drop(disk);
    disk.record_calls(false);
    FailingSys sys{disk, fault};
    const std::string error = text_of([&] { init(sys); });
    INFO(to_string(fault) << ": " << error);
    CHECK(disk.open_descriptor_count() == 0);
    CHECK(complete(disk) == "");
    return sys.fired();
  });
}

}  // namespace spoolq::test
