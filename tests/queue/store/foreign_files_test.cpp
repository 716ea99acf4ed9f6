// Files that others drop into new/: what is one, when it is complete, and who is still writing.
#include "queue/store/foreign_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>
#include <utility>

#include "queue/format/message_id.hpp"
#include "queue/os/unique_fd.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

using detail::classify;
using detail::EntryKind;
using detail::has_writer;
using detail::UniqueFd;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kOurs = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1";

/// A file in new/, just written in place.
void drop(World& world, const std::string& file, const std::string& bytes = "some bytes") {
  world.disk.plant_file(world.path(Folder::ready, file), bytes);
}

/// A queue on the real file system that has leases, with a file in new/.
struct RealWorld {
  RealWorld() {
    detail::init_queue(detail::real_sys(), path, {{"min_free", "0"}, {"settle", "0s"}});
    queue = open_queue(detail::real_sys(), path);
    std::ofstream{file} << "some bytes";
  }
  [[nodiscard]] UniqueFd open_file(int flags) const {
    const int fd = ::open(file.c_str(), flags | O_CLOEXEC);
    REQUIRE(fd >= 0);
    return {detail::real_sys(), fd};
  }
  MemoryDirectory directory;
  std::string path = directory / "q";
  std::string file = directory / "q/new/report.txt";
  std::shared_ptr<OpenQueue> queue;
};

/// Opens the leased file for writing, as a program does that comes during the test.
class WriterDuringLease final : public ForwardingSys {
 public:
  WriterDuringLease(Sys& inner, std::string file) : ForwardingSys{inner}, file_{std::move(file)} {}
  int error = 0;

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    if (info.call == Call::set_lease && result.ok() && info.flags == F_RDLCK) {
      const int fd = ::open(file_.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
      error = fd < 0 ? errno : 0;
      if (fd >= 0) ::close(fd);
    }
    return result;
  }

 private:
  std::string file_;
};

/// Appends to the file and closes it, just before its writers are asked about.
class WriterBeforeLease final : public ForwardingSys {
 public:
  WriterBeforeLease(Sys& inner, int dir, const char* file)
      : ForwardingSys{inner}, dir_{dir}, file_{file} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call == Call::set_lease && info.flags == F_RDLCK) {
      const int fd = inner().openat(dir_, file_, O_WRONLY | O_APPEND | O_CLOEXEC).fd();
      static_cast<void>(inner().write(fd, "more", 4));
      static_cast<void>(inner().close(fd));
    }
    return std::nullopt;
  }

 private:
  int dir_;
  const char* file_;
};

/// Answers set_lease with an errno.
class NoLease final : public ForwardingSys {
 public:
  NoLease(Sys& inner, int error) : ForwardingSys{inner}, error_{error} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::set_lease) return std::nullopt;
    return SysResult::failure(error_);
  }

 private:
  int error_;
};

}  // namespace

TEST_CASE("names and types tell what an entry of new/ is", "[queue][strangers][name]") {
  struct Case {
    const char* name;
    unsigned char type;
    EntryKind kind;
  };
  const std::vector<Case> cases{
      {kOurs, DT_REG, EntryKind::message},
      {"5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60", DT_REG, EntryKind::message},
      {"5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=01", DT_REG, EntryKind::foreign},
      {"5.01935a7b-8c3d-4e21-9f4a-1b2c3d4e5f60", DT_REG, EntryKind::foreign},
      {"report.txt", DT_REG, EntryKind::foreign},
      {"1795403405.M633299P10625Q1.vm:2,", DT_REG, EntryKind::foreign},
      {"a file with blanks and \n", DT_REG, EntryKind::foreign},
      {"tmp", DT_REG, EntryKind::foreign},
      {"part", DT_REG, EntryKind::foreign},
      {"report.tmp.txt", DT_REG, EntryKind::foreign},
      {".report.txt.Xy12", DT_REG, EntryKind::left_alone},
      {".", DT_REG, EntryKind::left_alone},
      {"report.tmp", DT_REG, EntryKind::left_alone},
      {"report.part", DT_REG, EntryKind::left_alone},
      {"report.crdownload", DT_REG, EntryKind::left_alone},
      {"report.txt~", DT_REG, EntryKind::left_alone},
      {"~", DT_REG, EntryKind::left_alone},
      {"folder", DT_DIR, EntryKind::left_alone},
      {kOurs, DT_DIR, EntryKind::left_alone},
      {"link", DT_LNK, EntryKind::not_a_message},
      {kOurs, DT_LNK, EntryKind::not_a_message},
      {"fifo", DT_FIFO, EntryKind::not_a_message},
      {"socket", DT_SOCK, EntryKind::not_a_message},
      {"disk", DT_BLK, EntryKind::not_a_message},
      {"terminal", DT_CHR, EntryKind::not_a_message},
      {".link", DT_LNK, EntryKind::left_alone},
  };
  World world;
  for (const Case& each : cases) {
    INFO(each.name);
    CHECK(classify(*world.queue, each.name, each.type) == each.kind);
  }
  CHECK(world.disk.calls().empty());
}

TEST_CASE("where the folder does not tell the type, the file is asked", "[queue][strangers]") {
  World world;
  drop(world, "report.txt");
  drop(world, kOurs);
  world.disk.plant_directory(world.path(Folder::ready, "folder"));
  world.disk.plant_symlink(world.path(Folder::ready, "link"), "/q/spoolq.json");
  world.disk.plant_fifo(world.path(Folder::ready, "fifo"));
  CHECK(classify(*world.queue, "report.txt", DT_UNKNOWN) == EntryKind::foreign);
  CHECK(classify(*world.queue, kOurs, DT_UNKNOWN) == EntryKind::message);
  CHECK(classify(*world.queue, "folder", DT_UNKNOWN) == EntryKind::left_alone);
  CHECK(classify(*world.queue, "link", DT_UNKNOWN) == EntryKind::not_a_message);
  CHECK(classify(*world.queue, "fifo", DT_UNKNOWN) == EntryKind::not_a_message);
  CHECK(classify(*world.queue, "gone", DT_UNKNOWN) == EntryKind::left_alone);
}

TEST_CASE("a stranger's file is a message of priority 5 with its name as N",
          "[queue][strangers][name]") {
  World world;
  drop(world, "r\xc3\xa4port 1.txt", "12345");
  const auto name = world.queue->store().derive_name({Folder::ready, "r\xc3\xa4port 1.txt"},
                                                     "r\xc3\xa4port 1.txt");
  REQUIRE(name);
  CHECK(name->priority == 5);
  CHECK(name->original == "r\xc3\xa4port 1.txt");
  CHECK_FALSE(name->size);
  CHECK_FALSE(name->checksum);
  CHECK(world.queue->store().derive_name({Folder::ready, "r\xc3\xa4port 1.txt"},
                                         "r\xc3\xa4port 1.txt") == name);
  CHECK(std::chrono::abs(name->id.time() - world.queue->now()) < seconds{1});
  const std::string long_name(255, 'x');
  drop(world, long_name);
  const auto cut = world.queue->store().derive_name({Folder::ready, long_name}, long_name);
  REQUIRE(cut);
  CHECK(long_name.starts_with(cut->original));
  CHECK(detail::parse_name(format_name(*cut)));
  CHECK_FALSE(world.queue->store().derive_name({Folder::ready, "gone"}, "gone"));
  world.disk.plant_directory(world.path(Folder::ready, "folder"));
  CHECK_FALSE(world.queue->store().derive_name({Folder::ready, "folder"}, "folder"));
}

TEST_CASE("the id of a stranger's file stays when the claim does not survive",
          "[queue][strangers]") {
  World world;
  drop(world, "report.txt");
  const StoredMessage before = only(*world.queue, State::ready);
  const auto claimed = detail::claim(*world.queue, before, kDeadClaim);
  REQUIRE(claimed);
  CHECK(claimed->name.id == before.name.id);
  detail::unclaim(*world.queue, *claimed, before.at);
  CHECK(world.names(Folder::ready) == std::vector<std::string>{"report.txt"});
  CHECK(only(*world.queue, State::ready).name == before.name);
}

TEST_CASE("a file that got the inode number of an earlier one has an id of its own",
          "[queue][strangers][id]") {
  /// All files have one inode number, one size and one time of modification.
  class OneInode final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;
    bool has_births = true;

    SysResult statx(int dir, const char* name, struct stat& status,
                    struct timespec& born) override {
      const SysResult result = ForwardingSys::statx(dir, name, status, born);
      status.st_ino = 12;
      status.st_mtim = {1'700'000'000, 0};
      if (!has_births) born = {};
      return result;
    }
  };
  World world;
  OneInode sys{world.disk};
  const auto queue = world.open(sys);
  const auto id_of_another = [&](const char* content) {
    drop(world, "report.txt", content);
    const MessageId id =
        queue->store().derive_name({Folder::ready, "report.txt"}, "report.txt").value().id;
    CHECK(only(*queue, State::ready).name.id == id);
    world.disk.unlink(world.path(Folder::ready, "report.txt"));
    return id;
  };
  CHECK(id_of_another("one") != id_of_another("two"));
  // The control: without times of birth nothing tells them apart, as it was with the first formula.
  sys.has_births = false;
  CHECK(id_of_another("one") == id_of_another("two"));
}

TEST_CASE("on overlayfs, whose copies are born anew, the time of birth is no part of an id",
          "[queue][strangers][id]") {
  World world;
  drop(world, "report.txt");
  const auto kept =
      world.queue->store().derive_name({Folder::ready, "report.txt"}, "report.txt").value();
  world.disk.set_file_system_type(OVERLAYFS_SUPER_MAGIC);
  const auto queue = world.open(world.disk);
  const auto name = queue->store().derive_name({Folder::ready, "report.txt"}, "report.txt").value();
  CHECK(name.id != kept.id);
  struct stat status = {};
  struct timespec born = {};
  REQUIRE(world.disk.statx(queue->fd(Folder::ready), "report.txt", status, born).ok());
  CHECK(name == derive_name(*queue, "report.txt", detail::identity_of(status, {})));
}

TEST_CASE("the kernel tells two lives of an inode apart", "[queue][strangers][real][id]") {
  const RealWorld world;
  const std::filesystem::file_time_type then = std::filesystem::last_write_time(world.file);
  std::set<MessageId> ids;
  std::set<ino_t> inodes;
  constexpr int kFiles = 8;
  const auto tick = [] {
    struct timespec now = {};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return std::pair{now.tv_sec, now.tv_nsec};
  };
  for (int i = 0; i < kFiles; ++i) {
    // A time of birth is as exact as the kernel's clock ticks.
    for (const auto before = tick(); tick() == before;) std::this_thread::yield();
    std::filesystem::remove(world.file);
    std::ofstream{world.file} << "content " << i;
    std::filesystem::last_write_time(world.file, then);
    struct stat status = {};
    REQUIRE(::stat(world.file.c_str(), &status) == 0);
    inodes.insert(status.st_ino);
    ids.insert(
        world.queue->store().derive_name({Folder::ready, "report.txt"}, "report.txt").value().id);
  }
  CAPTURE(inodes.size());
  CHECK(ids.size() == kFiles);
}

TEST_CASE("a file written in place is complete after settle", "[queue][strangers][settle]") {
  World world;
  drop(world, "report.txt");
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "report.txt"}));
  world.disk.advance(milliseconds{400});
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "report.txt"}));
  world.disk.advance(milliseconds{200});
  CHECK(world.queue->store().is_settled({Folder::ready, "report.txt"}));
  // A clock that was set back since counts as time gone by.
  world.disk.set_realtime(seconds{1'000'000'000});
  CHECK(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("an empty file is not complete, however old", "[queue][strangers][settle]") {
  World world;
  drop(world, "report.txt", "");
  world.disk.advance(std::chrono::hours{100});
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("a file that is gone, or none, is not complete", "[queue][strangers][settle]") {
  World world;
  world.disk.plant_directory(world.path(Folder::ready, "folder"));
  world.disk.advance(std::chrono::hours{1});
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "gone"}));
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "folder"}));
}

TEST_CASE("a file with a second link came whole", "[queue][strangers][settle]") {
  World world;
  world.disk.plant_file(world.path(Folder::tmp, "report.txt"), "");
  world.disk.plant_hard_link(world.path(Folder::tmp, "report.txt"),
                             world.path(Folder::ready, "report.txt"));
  CHECK(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("names of delivery agents need not settle", "[queue][strangers][settle][maildir]") {
  World world;
  // mdeliver, procmail, Dovecot's deliver, safecat.
  for (const char* name :
       {"1795403749.M999038P6595.vm", "1795403405.M633299P10625Q1.vm:2,",
        "1795403405.M754270P10655V000000000000FE00I0000000000A861B0_0.vm,S=17",
        "1795403740.6666_0.vm", "999999999.1.h", "17954037400.1.host.example.org"}) {
    INFO(name);
    drop(world, name);
    CHECK(world.queue->store().is_settled({Folder::ready, name}));
  }
  for (const char* name :
       {"1795403740", "1795403740.", "1795403740.6666_0", "1795403740..vm", "1795403740.x.",
        "20240131.report.pdf", "123456789012.1.h", "x1795403740.6666_0.vm", "1795403740x.1.vm"}) {
    INFO(name);
    drop(world, name);
    CHECK_FALSE(world.queue->store().is_settled({Folder::ready, name}));
  }
}

TEST_CASE(
    "an empty file with the name of a delivery agent may be a placeholder, and settles longer",
    "[queue][strangers][settle][maildir]") {
  World world;
  const std::string name = "1700000000.sensor7.csv";
  drop(world, name, "");
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, name}));
  world.disk.advance(std::chrono::seconds{4});
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, name}));
  world.disk.advance(std::chrono::seconds{2});
  CHECK(world.queue->store().is_settled({Folder::ready, name}));
}

TEST_CASE("a file on which somebody has a write lease is being written",
          "[queue][strangers][settle]") {
  /// As the kernel answers who opens such a file without waiting.
  class LeasedByOthers final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call != Call::openat || std::string{info.name} != "report.txt") return std::nullopt;
      return SysResult::failure(EWOULDBLOCK);
    }
  };
  World world;
  drop(world, "report.txt");
  world.disk.advance(std::chrono::hours{1});
  LeasedByOthers sys{world.disk};
  const auto queue = world.open(sys);
  CHECK(queue->store().has_writer({Folder::ready, "report.txt"}) == true);
  CHECK_FALSE(queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("a file that somebody writes is not complete, however old",
          "[queue][strangers][settle]") {
  World world;
  drop(world, "report.txt");
  const auto opened =
      world.disk.openat(world.queue->fd(Folder::ready), "report.txt", O_WRONLY | O_CLOEXEC);
  world.disk.advance(std::chrono::hours{1});
  CHECK(world.queue->store().has_writer({Folder::ready, "report.txt"}) == true);
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "report.txt"}));
  REQUIRE(world.disk.close(opened.fd()).ok());
  CHECK(world.queue->store().has_writer({Folder::ready, "report.txt"}) == false);
  CHECK(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("neither a Maildir name nor a second link makes a file complete that somebody writes",
          "[queue][strangers][settle][maildir]") {
  World world;
  const std::string name = GENERATE(as<std::string>{}, "1795403749.M999038P6595.vm", "report.txt");
  drop(world, name);
  world.disk.plant_hard_link(world.path(Folder::ready, name), "/q/tmp/backup");
  const auto opened =
      world.disk.openat(world.queue->fd(Folder::ready), name.c_str(), O_WRONLY | O_CLOEXEC);
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, name}));
  REQUIRE(world.disk.close(opened.fd()).ok());
  CHECK(world.queue->store().is_settled({Folder::ready, name}));
}

TEST_CASE("what a writer did while it was asked about counts", "[queue][strangers][settle]") {
  World world;
  drop(world, "report.txt");
  world.disk.advance(std::chrono::hours{1});
  WriterBeforeLease sys{world.disk, world.queue->fd(Folder::ready), "report.txt"};
  const auto queue = world.open(sys);
  CHECK_FALSE(queue->store().is_settled({Folder::ready, "report.txt"}));
  world.disk.advance(seconds{1});
  CHECK(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("a Maildir name alone is not enough where writers cannot be asked about",
          "[queue][strangers][settle][maildir]") {
  World world;
  drop(world, "1795403749.M999038P6595.vm");
  NoLease sys{world.disk, EACCES};
  const auto queue = world.open(sys);
  CHECK_FALSE(queue->store().is_settled({Folder::ready, "1795403749.M999038P6595.vm"}));
  world.disk.advance(milliseconds{5'100});
  CHECK(queue->store().is_settled({Folder::ready, "1795403749.M999038P6595.vm"}));
}

TEST_CASE("a second link alone is not enough where writers cannot be asked about",
          "[queue][strangers][settle]") {
  const int error = GENERATE(EACCES, EINVAL, ENOLCK, ENOMEM);
  const std::string name = GENERATE(as<std::string>{}, "1795403749.M999038P6595.vm", "report.txt");
  World world;
  drop(world, name);
  NoLease sys{world.disk, error};
  const auto queue = world.open(sys);
  world.disk.advance(milliseconds{4'900});
  // A link of a backup is a change, too.
  world.disk.plant_hard_link(world.path(Folder::ready, name), "/q/tmp/backup");
  CHECK_FALSE(queue->store().is_settled({Folder::ready, name}));
  world.disk.advance(milliseconds{4'900});
  CHECK_FALSE(queue->store().is_settled({Folder::ready, name}));
  world.disk.advance(milliseconds{200});
  CHECK(queue->store().is_settled({Folder::ready, name}));
}

TEST_CASE("an empty file with a second link may be filled where writers cannot be asked about",
          "[queue][strangers][settle]") {
  World world;
  drop(world, "report.txt", "");
  world.disk.plant_hard_link(world.path(Folder::ready, "report.txt"), "/q/tmp/backup");
  NoLease sys{world.disk, EACCES};
  const auto queue = world.open(sys);
  world.disk.advance(std::chrono::hours{1});
  CHECK_FALSE(queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("where writers cannot be asked about, a file settles ten times as long",
          "[queue][strangers][settle]") {
  const int error = GENERATE(EACCES, EINVAL, ENOLCK, ENOMEM);
  World world;
  drop(world, "report.txt");
  NoLease sys{world.disk, error};
  const auto queue = world.open(sys);
  CHECK_FALSE(queue->store().has_writer({Folder::ready, "report.txt"}));
  world.disk.advance(milliseconds{4'900});
  CHECK_FALSE(queue->store().is_settled({Folder::ready, "report.txt"}));
  world.disk.advance(milliseconds{200});
  CHECK(queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("the file of another user settles ten times as long", "[queue][strangers][settle]") {
  World world;
  drop(world, "report.txt");
  world.disk.set_owner(world.path(Folder::ready, "report.txt"), 65'534);
  world.disk.advance(milliseconds{700});
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "report.txt"}));
  world.disk.advance(milliseconds{5'000});
  CHECK(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("the kernel knows who writes", "[queue][strangers][real]") {
  const RealWorld world;
  const auto writer = [&] {
    return world.queue->store().has_writer({Folder::ready, "report.txt"});
  };
  CHECK(writer() == false);
  {
    const UniqueFd reading = world.open_file(O_RDONLY);
    CHECK(writer() == false);
  }
  for (const int flags : {O_WRONLY, O_RDWR, O_WRONLY | O_APPEND}) {
    const UniqueFd writing = world.open_file(flags);
    CHECK(writer() == true);
    CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "report.txt"}));
  }
  CHECK(writer() == false);
  CHECK(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("a file that only says it is old is not complete", "[queue][strangers][real]") {
  // As cp -p and rsync -t write it.
  const RealWorld world;
  world.queue->configure({{"settle", "1h"}});
  std::filesystem::last_write_time(
      world.file, std::filesystem::file_time_type::clock::now() - std::chrono::hours{1'000});
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "report.txt"}));
}

TEST_CASE("who writes through a mapping is a writer, also after the close",
          "[queue][strangers][real]") {
  const RealWorld world;
  void* mapped = MAP_FAILED;
  {
    const UniqueFd file = world.open_file(O_RDWR);
    mapped = ::mmap(nullptr, 10, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  }
  REQUIRE(mapped != MAP_FAILED);
  CHECK(world.queue->store().has_writer({Folder::ready, "report.txt"}) == true);
  ::munmap(mapped, 10);
  CHECK(world.queue->store().has_writer({Folder::ready, "report.txt"}) == false);
}

TEST_CASE("another process that writes is a writer until it dies", "[queue][strangers][real]") {
  const RealWorld world;
  Pipe opened;
  ChildProcess child{[&] {
    const UniqueFd file = world.open_file(O_WRONLY);
    opened.send("x");
    ::pause();
    return 0;
  }};
  REQUIRE(opened.receive(1) == "x");
  CHECK(world.queue->store().has_writer({Folder::ready, "report.txt"}) == true);
  child.kill();
  CHECK(world.queue->store().has_writer({Folder::ready, "report.txt"}) == false);
}

TEST_CASE("a writer that comes during the question does not kill us", "[queue][strangers][real]") {
  const RealWorld world;
  ChildProcess child{[&] {
    std::signal(SIGIO, SIG_DFL);
    WriterDuringLease sys{detail::real_sys(), world.file};
    const auto queue = open_queue(sys, world.path);
    for (int i = 0; i < 10; ++i) {
      const auto writer = queue->store().has_writer({Folder::ready, "report.txt"});
      // The lease was there, and broken: otherwise this would show nothing.
      if (sys.error != EWOULDBLOCK) return 1;
      if (writer != false) return 2;
    }
    return 0;
  }};
  CHECK(child.wait() == 0);
}

TEST_CASE("a FIFO or a link is not opened when its writers are asked about",
          "[queue][strangers][real]") {
  const RealWorld world;
  REQUIRE(::mkfifo((world.directory / "q/new/fifo").c_str(), 0600) == 0);
  std::filesystem::create_symlink(world.file, world.directory / "q/new/link");
  CHECK_FALSE(world.queue->store().has_writer({Folder::ready, "fifo"}).has_value());
  CHECK_FALSE(world.queue->store().has_writer({Folder::ready, "link"}).has_value());
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "fifo"}));
  CHECK_FALSE(world.queue->store().is_settled({Folder::ready, "link"}));
}

}  // namespace spoolq::test
