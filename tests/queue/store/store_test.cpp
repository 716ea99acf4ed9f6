// Store: each verb that finds, opens, moves and removes the files of a queue.
#include "queue/store/store.hpp"

#include <fcntl.h>

#include <algorithm>

#include "queue/store/open_queue.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

using detail::Destination;
using detail::Location;
using detail::Store;
using Files = std::vector<std::string>;

constexpr const char* kId = "01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";
constexpr const char* kOurs = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1";
constexpr const char* kClaimed =
    "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1,A=1,C=0123456789abcdef.1";

/// Renames fail as `answer` says, which gets the flags; 0 lets the call through.
class RenameSys final : public ForwardingSys {
 public:
  RenameSys(Sys& inner, std::function<int(const CallInfo&)> answer)
      : ForwardingSys{inner}, answer_{std::move(answer)} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::renameat2) return std::nullopt;
    const int error = answer_(info);
    return error == 0 ? std::nullopt : std::optional{SysResult::failure(error)};
  }

 private:
  std::function<int(const CallInfo&)> answer_;
};

/// A queue and its store.
struct StoreWorld : World {
  Store& store = queue->store();

  Location plant(State state, const std::string& file, std::string_view bytes = "x") {
    const Location at = Store::place(state, file);
    disk.plant_file(store.path(at), bytes);
    return at;
  }
  /// The files of the messages that a scan visits, sorted.
  [[nodiscard]] Files scan(State state, Store::Foreign foreign = Store::Foreign::derived) const {
    Files found;
    const auto collect = [&](const StoredMessage& message) {
      found.push_back(message.at.file());
      return true;
    };
    store.scan(state, collect, foreign);
    std::sort(found.begin(), found.end());
    return found;
  }
  [[nodiscard]] Destination failed(const std::string& file) const {
    return {State::failed, detail::parse_name(file).value(), {}};
  }
};

/// A Maildir, which has no folders but tmp/, new/ and cur/.
struct Maildir {
  SimulatedSys disk;
  std::shared_ptr<OpenQueue> queue;

  Maildir() {
    for (const char* folder : {"/m/tmp", "/m/new", "/m/cur"}) disk.plant_directory(folder);
    queue = open_queue(disk, "/m");
  }
};

}  // namespace

TEST_CASE("find takes a message's name from its file", "[queue][store]") {
  StoreWorld world;
  const auto find = [&](State state, const std::string& file) {
    return world.store.find(Store::place(state, file));
  };
  const auto ready = find(State::ready, kOurs);
  REQUIRE(ready);
  CHECK(ready->at == Store::place(State::ready, kOurs));
  CHECK(ready->name.id.to_string() == kId);
  CHECK(ready->is_named);
  CHECK_FALSE(ready->due);
  const auto delayed = find(State::delayed, "1763870400123." + std::string{kOurs});
  REQUIRE(delayed);
  CHECK(delayed->due == Time{Duration{1'763'870'400'123}});
  CHECK(delayed->name == ready->name);
  CHECK(find(State::claimed, kClaimed)->name.claim == kDeadClaim);
  CHECK(world.disk.calls().empty());
}

TEST_CASE("find gives nothing for a file that is no message", "[queue][store]") {
  StoreWorld world;
  world.plant(State::claimed, kOurs);
  world.plant(State::failed, "notes.txt");
  world.plant(State::delayed, kOurs);
  for (const auto& [state, file] : std::vector<std::pair<State, std::string>>{
           {State::claimed, kOurs},  // A Maildir's mail: no consumer has claimed it.
           {State::failed, "notes.txt"},
           {State::delayed, kOurs},
           {State::ready, "gone.txt"}}) {
    INFO(to_string(state) << ' ' << file);
    CHECK_FALSE(world.store.find(Store::place(state, file)));
  }
}

TEST_CASE("find derives the name of a foreign file in new/", "[queue][store]") {
  StoreWorld world;
  const Location at = world.plant(State::ready, "report.txt");
  const auto found = world.store.find(at);
  REQUIRE(found);
  CHECK(found->name.original == "report.txt");
  CHECK_FALSE(found->is_named);
  const auto same = world.store.find_path(State::ready, world.store.path(at));
  REQUIRE(same);
  CHECK(same->at == at);
  CHECK(same->name == found->name);
}

TEST_CASE("scan visits the messages of one state, foreign files only if asked", "[queue][store]") {
  StoreWorld world;
  world.plant(State::ready, kOurs);
  world.plant(State::ready, "report.txt");
  world.plant(State::ready, "half.part");
  world.plant(State::failed, "notes.txt");
  world.plant(State::failed, kOurs);
  CHECK(world.scan(State::ready) == Files{kOurs, "report.txt"});
  CHECK(world.scan(State::ready, Store::Foreign::skipped) == Files{kOurs});
  CHECK(world.scan(State::failed) == Files{kOurs});
  CHECK(world.scan(State::done).empty());
}

TEST_CASE("a scan ends when its visitor returns false", "[queue][store]") {
  StoreWorld world;
  world.plant(State::ready, "one.txt");
  world.plant(State::ready, "two.txt");
  int visits = 0;
  world.store.scan(State::ready, [&](const StoredMessage&) { return ++visits < 1; });
  CHECK(visits == 1);
  world.store.scan_files(State::ready, [&](const detail::DirectoryEntry&) { return ++visits < 2; });
  CHECK(visits == 2);
}

TEST_CASE("has_files counts any entry", "[queue][store]") {
  StoreWorld world;
  CHECK_FALSE(world.store.has_files(State::failed));
  world.plant(State::failed, "notes.txt");
  CHECK(world.store.has_files(State::failed));
}

TEST_CASE("a Maildir has messages in three states only", "[queue][store][maildir]") {
  const Maildir maildir;
  const Store& store = maildir.queue->store();
  CHECK(store.has(State::ready));
  CHECK_NOTHROW(store.require(State::ready));
  CHECK_FALSE(store.has(State::failed));
  CHECK(error_of([&] { return store.require(State::failed), 0; }) == errc::not_a_queue);
  CHECK_NOTHROW(store.scan(State::failed, [](const StoredMessage&) { return true; }));
  CHECK(store.count_quarantine() == 0);
  CHECK_FALSE(store.is_in_quarantine(MessageId{}));
}

TEST_CASE("a folder that was removed is an error", "[queue][store]") {
  StoreWorld world;
  CHECK_NOTHROW(world.store.require_folder(State::failed, "test"));
  const auto root = world.disk.openat2(AT_FDCWD, World::kPath, O_RDONLY | O_DIRECTORY, 0);
  REQUIRE(world.disk.unlinkat(root.fd(), "failed", AT_REMOVEDIR).ok());
  CHECK(error_of([&] { return world.store.require_folder(State::failed, "test"), 0; }) ==
        errc::not_a_queue);
}

TEST_CASE("a place is shown below the queue, without control characters", "[queue][store]") {
  const StoreWorld world;
  const Location at = Store::place(State::failed, "li\nnk");
  CHECK(world.store.path(at) == "/q/failed/li\nnk");
  CHECK(world.store.path(State::failed) == "/q/failed");
  CHECK(Store::shown(at) == "failed/li\\x0ank");
}

TEST_CASE("open reads a file and follows no link", "[queue][store]") {
  StoreWorld world;
  const Location at = world.plant(State::ready, kOurs, "hello");
  const Location link = Store::place(State::ready, "link");
  const Location gone = Store::place(State::ready, "gone");
  world.disk.plant_symlink(world.store.path(link), world.store.path(at));
  const detail::UniqueFd file = world.store.open(at);
  std::array<char, 5> bytes{};
  REQUIRE(world.disk.read(file.get(), bytes.data(), bytes.size()).ok());
  CHECK(std::string_view{bytes.data(), bytes.size()} == "hello");
  CHECK(error_of([&] { return world.store.open(link); }) == errno_code(ELOOP));
  CHECK(error_of([&] { return world.store.open(gone); }) == errno_code(ENOENT));
  CHECK(world.store.try_open(at));
  CHECK_FALSE(world.store.try_open(link));
  CHECK_FALSE(world.store.try_open(gone));
}

TEST_CASE("stat and is_at tell which file is at a place", "[queue][store]") {
  StoreWorld world;
  const Location at = world.plant(State::ready, kOurs, "hello");
  struct stat status = {};
  REQUIRE(world.store.stat(at, status).ok());
  CHECK(status.st_size == 5);
  CHECK(world.store.is_at(at, status.st_ino));
  CHECK_FALSE(world.store.is_at(world.plant(State::ready, "other.txt"), status.st_ino));
  world.disk.unlink(world.store.path(at));
  CHECK_FALSE(world.store.is_at(at, status.st_ino));
  CHECK(world.store.stat(at, status).error() == ENOENT);
}

TEST_CASE("move gives the message as it lies then, once", "[queue][store]") {
  StoreWorld world;
  const Location from = world.plant(State::ready, kOurs);
  const Time due{Duration{1'763'870'400'123}};
  const Destination to{State::delayed, detail::parse_name(kOurs).value(), due};
  const auto moved = world.store.move(from, to);
  REQUIRE(moved);
  CHECK(moved->at == Store::place(State::delayed, "1763870400123." + std::string{kOurs}));
  CHECK(moved->due == due);
  CHECK(moved->name == to.name);
  CHECK(world.disk.exists(world.store.path(moved->at)));
  CHECK_FALSE(world.store.move(from, to));
}

TEST_CASE("move and bring_in bring files from other directories", "[queue][store]") {
  StoreWorld world;
  detail::init_queue(world.disk, "/other", {});
  const auto other = open_queue(world.disk, "/other");
  const Location from = world.plant(State::ready, kOurs);
  const auto moved = world.store.move(from, other->store(), world.failed(kOurs));
  REQUIRE(moved);
  CHECK(world.disk.list("/other/failed") == Files{kOurs});
  CHECK(world.count(Folder::ready) == 0);

  world.disk.plant_file("/inbox/report.txt", "x");
  const auto inbox = world.disk.openat2(AT_FDCWD, "/inbox", O_RDONLY | O_DIRECTORY, 0);
  const auto brought = world.store.bring_in(inbox.fd(), "/inbox", "report.txt", world.failed(kOurs),
                                            detail::Ballast::keep);
  REQUIRE(brought);
  CHECK(brought->at == Store::place(State::failed, kOurs));
  CHECK(world.disk.list("/inbox").empty());
  CHECK(world.names(Folder::failed) == Files{kOurs});
}

TEST_CASE("a claimed file goes back to its name, or stays if another file has it",
          "[queue][store]") {
  const bool is_taken = GENERATE(false, true);
  const bool renames_back = GENERATE(false, true);
  StoreWorld world;
  const Location claimed = world.plant(State::claimed, kClaimed, "claimed");
  const Location before = Store::place(State::ready, kOurs);
  if (is_taken) world.plant(State::ready, kOurs, "another");
  const bool is_back = renames_back ? world.store.rename_back(claimed, before)
                                    : world.store.put_back(claimed, before);
  CHECK(is_back == !is_taken);
  CHECK(world.disk.read_file(world.store.path(before)) == (is_taken ? "another" : "claimed"));
  CHECK(world.count(Folder::claimed) == (is_taken ? 1 : 0));
}

TEST_CASE("a claimed file that is gone needs no way back", "[queue][store]") {
  StoreWorld world;
  const Location claimed = Store::place(State::claimed, kClaimed);
  const Location before = Store::place(State::ready, kOurs);
  CHECK(world.store.put_back(claimed, before));
  CHECK(world.store.rename_back(claimed, before));
}

TEST_CASE("without RENAME_NOREPLACE only rename_back brings a file back", "[queue][store]") {
  StoreWorld world;
  RenameSys sys{world.disk, [](const CallInfo& info) { return info.flags != 0 ? EINVAL : 0; }};
  const auto queue = world.open(sys);
  const Location claimed = world.plant(State::claimed, kClaimed);
  const Location before = Store::place(State::ready, kOurs);
  CHECK_FALSE(queue->store().put_back(claimed, before));
  CHECK(world.names(Folder::claimed) == Files{kClaimed});
  CHECK(queue->store().rename_back(claimed, before));
  CHECK(world.names(Folder::ready) == Files{kOurs});
}

TEST_CASE("a file is removed once", "[queue][store]") {
  StoreWorld world;
  const Location at = world.plant(State::failed, kOurs);
  CHECK(world.store.remove(at));
  CHECK(world.count(Folder::failed) == 0);
  CHECK_FALSE(world.store.remove(at));
  CHECK_FALSE(world.store.try_remove(at));
  CHECK(world.store.try_remove(world.plant(State::failed, kOurs)));
  CHECK(world.count(Folder::failed) == 0);
}

TEST_CASE("remove throws the errno, try_remove does not", "[queue][store]") {
  StoreWorld world;
  const Location folder = Store::place(State::failed, "folder");
  world.disk.plant_directory(world.store.path(folder));
  CHECK(error_of([&] { return world.store.remove(folder); }) == errno_code(EISDIR));
  CHECK_FALSE(world.store.try_remove(folder));
}

TEST_CASE("what is not a message goes to bad/ under its name, and is reported",
          "[queue][store][quarantine]") {
  World world;
  world.disk.plant_fifo(world.path(Folder::ready, "fifo"));
  world.disk.plant_symlink(world.path(Folder::ready, "li\nnk"), "/q/spoolq.json");
  world.disk.clear_calls();
  world.queue->store().quarantine({Folder::ready, "fifo"}, "it is a FIFO");
  world.queue->store().quarantine({Folder::ready, "li\nnk"}, "it is a link");
  for (const CallRecord& each : world.disk.calls()) {
    CHECK(each.call == Call::renameat2);
  }
  CHECK(world.names(Folder::bad) == std::vector<std::string>{"fifo", "li\nnk"});
  CHECK(world.log.has("it is a FIFO"));
  CHECK(world.log.has("li\\x0ank"));
}

TEST_CASE("a message that got the name of a FIFO before it goes to bad/ keeps it",
          "[queue][store][quarantine][seize]") {
  const bool is_replaced = GENERATE(false, true);
  World world;
  world.disk.plant_fifo(world.path(Folder::ready, "thing"));
  if (is_replaced) {
    world.disk.unlink(world.path(Folder::ready, "thing"));
    world.disk.plant_file(world.path(Folder::ready, "thing"), "a message");
  }
  world.queue->store().quarantine_unless_regular({Folder::ready, "thing"});
  CHECK(world.disk.exists(world.path(Folder::ready, "thing")) == is_replaced);
  const std::vector<std::string> in_bad{"thing"};
  CHECK(world.names(Folder::bad) == (is_replaced ? std::vector<std::string>{} : in_bad));
  CHECK(world.log.has("moved to bad/") == !is_replaced);
}

TEST_CASE("a name that bad/ has already, or cannot have, is replaced by a fresh one",
          "[queue][store][quarantine]") {
  World world;
  world.disk.plant_file(world.path(Folder::bad, "thing"), "old");
  world.disk.plant_file(world.path(Folder::ready, "thing"), "new");
  world.queue->store().quarantine({Folder::ready, "thing"}, "why not");
  world.disk.plant_file(world.path(Folder::ready, "long"), "long");
  RenameSys sys{world.disk, [](const CallInfo& info) {
                  return std::string_view{info.to} == "long" ? ENAMETOOLONG : 0;
                }};
  world.open(sys)->store().quarantine({Folder::ready, "long"}, "why not");
  const auto names = world.names(Folder::bad);
  REQUIRE(names.size() == 3);
  CHECK(names[0].starts_with("bad-"));
  CHECK(names[1].starts_with("bad-"));
  CHECK(names[0] != names[1]);
  CHECK(world.disk.read_file(world.path(Folder::bad, "thing")) == "old");
  CHECK(world.count(Folder::ready) == 0);
}

TEST_CASE("quarantine of what is gone does nothing, and other errors are thrown",
          "[queue][store][quarantine]") {
  World world;
  CHECK_NOTHROW(world.queue->store().quarantine({Folder::ready, "gone"}, "why not"));
  CHECK(world.log.size() == 0);
  world.disk.plant_file(world.path(Folder::ready, "thing"), "x");
  RenameSys sys{world.disk, [](const CallInfo&) { return EACCES; }};
  CHECK(error_of([&] {
          world.open(sys)->store().quarantine({Folder::ready, "thing"}, "why not");
          return 0;
        }) == errno_code(EACCES));
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("the files of bad/ are counted, and a message among them is found",
          "[queue][store][quarantine]") {
  StoreWorld world;
  CHECK(world.store.count_quarantine() == 0);
  const StoredMessage message = world.store.find(world.plant(State::ready, kOurs)).value();
  CHECK_FALSE(world.store.is_in_quarantine(message.name.id));
  constexpr const char* kAnother = "5.0293aaaa-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1";
  for (const char* file : {"report.txt", kAnother}) {
    world.store.quarantine(world.plant(State::ready, file), "why not");
  }
  CHECK_FALSE(world.store.is_in_quarantine(message.name.id));
  world.store.quarantine(message.at, "why not");
  CHECK(world.store.count_quarantine() == 3);
  CHECK(world.store.is_in_quarantine(message.name.id));
}

TEST_CASE("sync makes the changed states durable, in the order given", "[queue][store]") {
  StoreWorld world;
  world.store.sync({State::failed, State::ready});
  Files synced;
  for (const CallRecord& each : world.disk.calls()) {
    if (each.call == Call::fsync) synced.push_back(each.path);
  }
  CHECK(synced == Files{"/q/failed", "/q/new"});
}

TEST_CASE("after a failed sync of a file the queue is not used any more", "[queue][store]") {
  /// The disk loses a file's content.
  class UnsyncedFile final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;
    int file = -1;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call != Call::fsync || info.fd != file) return std::nullopt;
      return SysResult::failure(EIO);
    }
  };
  StoreWorld world;
  UnsyncedFile sys{world.disk};
  const auto queue = world.open(sys);
  const detail::UniqueFd file = queue->store().open(world.plant(State::ready, kOurs));
  CHECK_NOTHROW(queue->durability().sync_file(file.get(), "file"));
  sys.file = file.get();
  CHECK(error_of([&] { return queue->durability().sync_file(file.get(), "file"), 0; }) ==
        errno_code(EIO));
  CHECK(error_of([&] { return queue->store().sync({State::ready}), 0; }) == errc::condemned);
}

}  // namespace spoolq::test
