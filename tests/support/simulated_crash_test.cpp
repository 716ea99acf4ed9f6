// What a power cut leaves of a simulated disk.
#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <set>

#include "tests/support/catch.hpp"
#include "tests/support/simulated_sys.hpp"

namespace {

using spoolq::test::CrashModel;
using spoolq::test::CrashState;
using spoolq::test::SimulatedSys;
using spoolq::test::UnsyncedData;

constexpr unsigned kNoReplace = RENAME_NOREPLACE;

/// Three folders and the calls of the tests below, in which nothing may fail.
class Folders {
 public:
  explicit Folders(CrashModel model = CrashModel::journal) : sys{model} {
    for (const char* folder : {"/q/tmp", "/q/new", "/q/cur"}) sys.plant_directory(folder);
    tmp = open("/q/tmp");
    incoming = open("/q/new");
    cur = open("/q/cur");
  }

  int create(const char* name, std::string_view bytes) {
    const int fd = sys.openat(tmp, name, O_CREAT | O_EXCL | O_WRONLY, 0600).fd();
    REQUIRE(sys.write(fd, bytes.data(), bytes.size()).ok());
    return fd;
  }
  void sync(int fd) { REQUIRE(sys.fsync(fd).ok()); }
  void move(int from, const char* name, int to) {
    REQUIRE(sys.renameat2(from, name, to, name, kNoReplace).ok());
  }
  void unlink(int dir, const char* name) { REQUIRE(sys.unlinkat(dir, name).ok()); }
  void put(const char* name, std::string_view bytes) {
    const int fd = create(name, bytes);
    sync(fd);
    REQUIRE(sys.close(fd).ok());
    move(tmp, name, incoming);
    sync(incoming);
  }

  SimulatedSys sys;
  int tmp = -1;
  int incoming = -1;
  int cur = -1;

 private:
  int open(const char* path) { return sys.openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY).fd(); }
};

/// All the ways in which the disk may look after a cut now, each described by `describe`.
std::set<std::string> outcomes(const SimulatedSys& sys,
                               const std::function<std::string(const SimulatedSys&)>& describe) {
  std::set<std::string> all;
  for (const CrashState& state : sys.crash_states()) all.insert(describe(*sys.crash(state)));
  return all;
}

/// A function for outcomes(): the content of a file, or that there is none.
auto content_of(std::string path) {
  return [path = std::move(path)](const SimulatedSys& sys) {
    return sys.exists(path) ? "'" + sys.read_file(path) + "'" : std::string{"none"};
  };
}

/// A function for outcomes(): the folders in which there is a file called `name`.
auto places_of(std::string name) {
  return [name = std::move(name)](const SimulatedSys& sys) {
    std::string places;
    for (const char* folder : {"tmp ", "new ", "cur "}) {
      const std::string path = "/q/" + std::string{folder, 3} + '/' + name;
      if (sys.exists(path)) places += folder;
    }
    return places;
  };
}

using Set = std::set<std::string>;

}  // namespace

TEST_CASE("without a sync of the file its name may come back empty or torn", "[support][crash]") {
  Folders folders;
  folders.create("a", "payload.");
  folders.move(folders.tmp, "a", folders.incoming);
  folders.sync(folders.incoming);
  CHECK(outcomes(folders.sys, content_of("/q/new/a")) == Set{"''", "'payl'", "'payload.'"});
}

TEST_CASE("a file synced before its rename is whole or not there", "[support][crash]") {
  Folders folders;
  folders.sync(folders.create("a", "payload."));
  folders.move(folders.tmp, "a", folders.incoming);
  CHECK(outcomes(folders.sys, content_of("/q/new/a")) == Set{"none", "'payload.'"});
  CHECK(outcomes(folders.sys, places_of("a")) == Set{"tmp ", "new "});
  folders.sync(folders.incoming);
  CHECK(outcomes(folders.sys, content_of("/q/new/a")) == Set{"'payload.'"});
  CHECK(folders.sys.crash_states().size() == 1);
}

TEST_CASE("a directory's sync reaches to its own last change", "[support][crash]") {
  Folders folders;
  folders.put("a", "payload");
  folders.move(folders.incoming, "a", folders.cur);
  folders.unlink(folders.cur, "a");
  SECTION("nothing is synced") {
    CHECK(outcomes(folders.sys, places_of("a")) == Set{"new ", "cur ", ""});
  }
  SECTION("new/ is synced") {
    folders.sync(folders.incoming);
    CHECK(outcomes(folders.sys, places_of("a")) == Set{"cur ", ""});
  }
  SECTION("cur/ is synced") {
    folders.sync(folders.cur);
    CHECK(outcomes(folders.sys, places_of("a")) == Set{""});
  }
  SECTION("the disk is synced") {
    REQUIRE(folders.sys.syncfs(folders.tmp).ok());
    CHECK(outcomes(folders.sys, places_of("a")) == Set{""});
  }
}

TEST_CASE("where each directory is written alone, a moved file may have two names",
          "[support][crash]") {
  Folders folders{CrashModel::per_directory};
  folders.put("a", "payload");
  // fsync of new/ has returned, and does not promise the name that came by a rename.
  CHECK(outcomes(folders.sys, places_of("a")) == Set{"", "tmp ", "new "});
  CHECK(outcomes(folders.sys, content_of("/q/new/a")) == Set{"none", "'payload'"});
  folders.sys.commit();
  CHECK(outcomes(folders.sys, places_of("a")) == Set{"new "});
  folders.move(folders.incoming, "a", folders.cur);
  CHECK(outcomes(folders.sys, places_of("a")) == Set{"new ", "new cur ", "cur "});
  folders.unlink(folders.cur, "a");
  folders.sync(folders.cur);
  CHECK(outcomes(folders.sys, places_of("a")) == Set{"new ", ""});
  REQUIRE(folders.sys.syncfs(folders.cur).ok());
  CHECK(outcomes(folders.sys, places_of("a")) == Set{""});
}

TEST_CASE("names that were used twice stay in order where directories are written alone",
          "[support][crash]") {
  Folders folders{CrashModel::per_directory};
  folders.put("a", "first");
  folders.sys.commit();
  folders.move(folders.incoming, "a", folders.cur);
  const int fd = folders.sys.openat(folders.incoming, "a", O_CREAT | O_EXCL | O_WRONLY, 0600).fd();
  REQUIRE(folders.sys.write(fd, "second", 6).ok());
  folders.sync(fd);
  folders.sync(folders.incoming);
  CHECK(outcomes(folders.sys, content_of("/q/new/a")) == Set{"'second'"});
  CHECK(outcomes(folders.sys, content_of("/q/cur/a")) == Set{"'first'"});
}

TEST_CASE("bytes written over synced ones are old, mixed or new", "[support][crash]") {
  Folders folders;
  const int fd = folders.create("a", "old!");
  folders.sync(fd);
  const int again = folders.sys.openat(folders.tmp, "a", O_WRONLY).fd();
  REQUIRE(folders.sys.write(again, "NEW?", 4).ok());
  CHECK(outcomes(folders.sys, content_of("/q/tmp/a")) == Set{"'old!'", "'NEd!'", "'NEW?'"});
}

TEST_CASE("a truncated file is old, or empty, or has some of its new bytes", "[support][crash]") {
  Folders folders;
  folders.sync(folders.create("a", "older"));
  const int again = folders.sys.openat(folders.tmp, "a", O_WRONLY | O_TRUNC).fd();
  REQUIRE(folders.sys.write(again, "new!", 4).ok());
  CHECK(outcomes(folders.sys, content_of("/q/tmp/a")) == Set{"'older'", "''", "'ne'", "'new!'"});
}

TEST_CASE("reserved bytes are zero where the data was lost", "[support][crash]") {
  Folders folders;
  const int fd = folders.sys.openat(folders.tmp, "a", O_CREAT | O_WRONLY, 0600).fd();
  REQUIRE(folders.sys.fallocate(fd, 4).ok());
  REQUIRE(folders.sys.write(fd, "data", 4).ok());
  folders.sync(folders.tmp);
  folders.move(folders.tmp, "a", folders.incoming);
  folders.sync(folders.incoming);
  CHECK(outcomes(folders.sys, content_of("/q/new/a")) ==
        Set{"'" + std::string(4, '\0') + "'", "'da" + std::string(2, '\0') + "'", "'data'"});
}

TEST_CASE("attributes and modes are metadata", "[support][crash]") {
  Folders folders;
  folders.put("a", "payload");
  const int fd = folders.sys.openat(folders.incoming, "a", O_RDONLY).fd();
  REQUIRE(folders.sys.fsetxattr(fd, "user.reason", "late", 4).ok());
  const auto attribute = [](const SimulatedSys& sys) {
    const auto all = sys.xattrs("/q/new/a");
    return all.empty() ? std::string{} : all.at("user.reason");
  };
  CHECK(outcomes(folders.sys, attribute) == Set{"", "late"});
  folders.sync(fd);
  CHECK(outcomes(folders.sys, attribute) == Set{"late"});
}

TEST_CASE("a stranger's unsynced file may be empty after a cut", "[support][crash]") {
  Folders folders;
  folders.sys.plant_file("/q/new/mail", "text", SimulatedSys::Planted::unsynced);
  folders.sync(folders.incoming);
  CHECK(outcomes(folders.sys, content_of("/q/new/mail")) == Set{"''", "'te'", "'text'"});
}

TEST_CASE("a crash leaves the running system as it is", "[support][crash]") {
  Folders folders;
  folders.create("a", "payload");
  const std::string before = folders.sys.dump();
  const auto after = folders.sys.crash(folders.sys.keep_nothing());
  CHECK(after->open_descriptor_count() == 0);
  CHECK(after->list("/q/tmp").empty());
  CHECK(folders.sys.dump() == before);
  CHECK(folders.sys.crash(folders.sys.keep_all(UnsyncedData::kept))->dump() == before);
  // An unlinked file that somebody has open is gone after the cut, and its bytes do no harm.
  folders.unlink(folders.tmp, "a");
  for (const CrashState& state : folders.sys.crash_states()) {
    CAPTURE(state.description);
    const auto mounted = folders.sys.crash(state);
    mounted->plant_file("/q/tmp/b", "works");
    CHECK(mounted->read_file("/q/tmp/b") == "works");
  }
}

TEST_CASE("the number of crash states is bounded and the extremes are among them",
          "[support][crash]") {
  for (const CrashModel model : {CrashModel::journal, CrashModel::per_directory}) {
    Folders folders{model};
    for (int i = 0; i < 100; ++i) folders.create(std::to_string(i).c_str(), "bytes");
    const std::vector<CrashState> states = folders.sys.crash_states();
    CHECK(states.size() <= 3 * (18 + 2 * 3));
    std::set<std::size_t> counts;
    for (const CrashState& state : states) {
      counts.insert(folders.sys.crash(state)->list("/q/tmp").size());
    }
    CHECK(*counts.begin() == 0);
    CHECK(*counts.rbegin() == 100);
    CHECK(counts.size() == 18);
  }
}
