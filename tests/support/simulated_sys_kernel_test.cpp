// The simulated file system against the kernel: the same script on both gives the same answers.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <limits>
#include <set>
#include <stdexcept>

#include "tests/support/catch.hpp"
#include "tests/support/simulated_sys.hpp"

namespace {

using spoolq::detail::Sys;
using spoolq::detail::SysResult;
using spoolq::test::SimulatedSys;

constexpr unsigned kNoReplace = RENAME_NOREPLACE;

/// Makes calls below one directory and writes down what they gave.
class Script {
 public:
  Script(Sys& sys, int root, std::string path) : sys_{sys}, root_{root}, path_{std::move(path)} {}

  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  ~Script() {
    for (const int fd : opened_) (void)sys_.close(fd);
    (void)sys_.close(root_);
  }

  Sys& sys() { return sys_; }
  [[nodiscard]] int root() const { return root_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& transcript() const { return transcript_; }

  void note(const std::string& text) { transcript_ += text + '\n'; }
  void note(const std::string& what, SysResult result) {
    note(what + " = " +
         (result.ok() ? std::to_string(result.value()) : ::strerrorname_np(result.error())));
  }
  int open(const char* name, int flags, int dir = -1) {
    const SysResult result =
        sys_.openat(dir < 0 ? root_ : dir, name, flags | O_CLOEXEC, mode_t{0600});
    note(std::string{"open "} + name, result.ok() ? SysResult::success() : result);
    if (result.ok()) opened_.insert(result.fd());
    return result.fd();
  }
  int make(const char* name, std::string_view bytes = {}) {
    const int fd = open(name, O_CREAT | O_RDWR | O_TRUNC);
    note("write", sys_.write(fd, bytes.data(), bytes.size()));
    return fd;
  }
  void close(int fd) {
    opened_.erase(fd);
    note("close", sys_.close(fd));
  }
  void rename(const char* from, const char* to, unsigned flags = 0) {
    note(std::string{"rename "} + from + ' ' + to, sys_.renameat2(root_, from, root_, to, flags));
  }
  void unlink(const char* name, int flags = 0) {
    note(std::string{"unlink "} + name, sys_.unlinkat(root_, name, flags));
  }
  void mkdir(const char* name) {
    note(std::string{"mkdir "} + name, sys_.mkdirat(root_, name, 0700));
  }
  void status(int fd) {
    struct stat status = {};
    const SysResult result = sys_.fstat(fd, status);
    note("fstat", result);
    if (result.ok()) note_status(status);
  }
  void status(const char* name) {
    struct stat status = {};
    const SysResult result = sys_.fstatat(root_, name, status);
    note(std::string{"fstatat "} + name, result);
    if (result.ok()) note_status(status);
  }
  void content(const char* name) {
    const int fd = open(name, O_RDONLY);
    std::array<char, 100> bytes = {};
    const SysResult result = sys_.read(fd, bytes.data(), bytes.size());
    note("read", result);
    if (result.ok()) note(std::string{bytes.data(), static_cast<std::size_t>(result.value())});
    if (fd >= 0) close(fd);
  }

 private:
  void note_status(const struct stat& status) {
    note("type " + std::to_string(status.st_mode & S_IFMT));
    if (S_ISDIR(status.st_mode)) return;
    note("links " + std::to_string(status.st_nlink) + " size " + std::to_string(status.st_size));
    note("mode " + std::to_string(status.st_mode & 0777U));
  }

  Sys& sys_;
  int root_;
  std::string path_;
  std::string transcript_;
  std::set<int> opened_;
};

/// A directory of the real file system, removed at the end.
class RealDirectory {
 public:
  RealDirectory() {
    std::string path = std::filesystem::temp_directory_path() / "spoolq-sys-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error{"mkdtemp failed"};
    path_ = path;
  }
  RealDirectory(const RealDirectory&) = delete;
  RealDirectory& operator=(const RealDirectory&) = delete;
  ~RealDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Entries in the order of getdents64, "name type" each.
std::vector<std::string> entries_in(const char* buffer, std::int64_t size) {
  std::vector<std::string> entries;
  for (std::int64_t at = 0; at < size;) {
    unsigned short length = 0;
    unsigned char type = 0;
    std::memcpy(&length, buffer + at + offsetof(struct dirent64, d_reclen), sizeof length);
    std::memcpy(&type, buffer + at + offsetof(struct dirent64, d_type), sizeof type);
    entries.push_back(std::string{buffer + at + offsetof(struct dirent64, d_name)} + ' ' +
                      std::to_string(type));
    at += length;
  }
  return entries;
}

std::vector<std::string> scan(Sys& sys, int fd, std::size_t buffer_size) {
  std::vector<char> buffer(buffer_size);
  std::vector<std::string> all;
  for (;;) {
    const SysResult result = sys.getdents64(fd, buffer.data(), buffer.size());
    if (!result.ok()) all.emplace_back(::strerrorname_np(result.error()));
    if (!result.ok() || result.value() == 0) return all;
    for (std::string& each : entries_in(buffer.data(), result.value())) {
      all.push_back(std::move(each));
    }
  }
}

void open_flags(Script& script) {
  script.make("a", "content");
  script.open("a", O_CREAT | O_EXCL | O_WRONLY);
  script.open("missing", O_RDONLY);
  script.open("", O_RDONLY);
  script.open("a", O_RDONLY | O_DIRECTORY);
  script.mkdir("d");
  script.open("d", O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  script.open("d", O_WRONLY);
  script.open("d", O_RDWR | O_CREAT);
  script.open("d", O_RDWR | O_CREAT | O_EXCL);
  script.open("x", O_RDONLY, script.make("file"));
  script.open("x", O_RDONLY, 99'999);
  const int appended = script.open("a", O_WRONLY | O_APPEND);
  script.note("append", script.sys().write(appended, "+", 1));
  script.content("a");
  script.close(script.open("a", O_WRONLY | O_TRUNC));
  script.content("a");
  script.open(std::string(255, 'n').c_str(), O_CREAT | O_WRONLY);
  script.open(std::string(256, 'n').c_str(), O_CREAT | O_WRONLY);
  script.status(std::string(256, 'n').c_str());
  script.mkdir(std::string(256, 'n').c_str());
  script.rename("a", std::string(256, 'n').c_str(), kNoReplace);
}

void descriptors(Script& script) {
  Sys& sys = script.sys();
  const int writer = script.open("a", O_CREAT | O_WRONLY);
  const int reader = script.open("a", O_RDONLY);
  const int path = script.open("a", O_PATH | O_NOFOLLOW);
  std::array<char, 4> bytes = {};
  script.note("write", sys.write(writer, "abcdef", 6));
  script.note("read", sys.read(reader, bytes.data(), 4));
  script.note("read", sys.read(reader, bytes.data(), 4));
  script.note("read at the end", sys.read(reader, bytes.data(), 4));
  script.note("read from a writer", sys.read(writer, bytes.data(), 4));
  script.note("write to a reader", sys.write(reader, "x", 1));
  script.note("read from a directory", sys.read(script.root(), bytes.data(), 4));
  script.note("truncate a reader", sys.ftruncate(reader, 1));
  script.note("truncate", sys.ftruncate(writer, 2));
  script.note("allocate", sys.fallocate(writer, 10));
  script.note("allocate for a reader", sys.fallocate(reader, 10));
  script.note("allocate nothing", sys.fallocate(writer, 0));
  script.status(reader);
  script.note("chmod", sys.fchmod(reader, 0644));
  script.status(path);
  script.note("chmod by path", sys.fchmod(path, 0644));
  script.note("fsync", sys.fsync(reader));
  script.note("fsync by path", sys.fsync(path));
  script.note("syncfs", sys.syncfs(script.root()));
  script.note("lock by path", sys.flock(path, LOCK_EX | LOCK_NB));
  script.note("read by path", sys.read(path, bytes.data(), 4));
  script.close(path);
  script.close(writer);
  script.note("closed twice", sys.close(writer));
}

void renames(Script& script) {
  script.make("a", "first");
  script.make("b", "second");
  script.rename("a", "b", kNoReplace);
  script.rename("missing", "b", kNoReplace);
  script.rename("missing", "c");
  script.rename("a", "a", kNoReplace);
  script.rename("a", "a");
  script.rename("a", "c", kNoReplace);
  script.status("a");
  script.content("c");
  script.rename("c", "b");
  script.content("b");
  script.mkdir("d");
  script.mkdir("e");
  script.rename("b", "d");
  script.rename("d", "b");
  script.rename("d", "e", kNoReplace);
  script.rename("d", "e");
  const int e = script.open("e", O_RDONLY | O_DIRECTORY);
  script.note("move", script.sys().renameat2(script.root(), "b", e, "b", kNoReplace));
  script.mkdir("f");
  script.rename("f", "e");
  script.rename("e", "f");
  const int f = script.open("f", O_RDONLY | O_DIRECTORY);
  script.note("into itself", script.sys().renameat2(script.root(), "f", f, "g", kNoReplace));
  script.rename(".", "x");
  script.note("flags", script.sys().renameat2(script.root(), "f", f, "g", 0x80U));
}

void removals(Script& script) {
  Sys& sys = script.sys();
  const int fd = script.make("a", "content");
  script.unlink("a");
  script.unlink("a");
  script.status(fd);
  script.note("write", sys.write(fd, "more", 4));
  script.status(fd);
  script.note("fsync", sys.fsync(fd));
  script.mkdir("d");
  script.mkdir("d");
  const int d = script.open("d", O_RDONLY | O_DIRECTORY);
  script.unlink("d");
  script.make("b");
  script.unlink("b", AT_REMOVEDIR);
  script.close(script.open("x", O_CREAT | O_WRONLY, d));
  script.unlink("d", AT_REMOVEDIR);
  script.note("unlink", sys.unlinkat(d, "x", 0));
  script.unlink("d", AT_REMOVEDIR);
  struct stat status = {};
  script.note("fstat", sys.fstat(d, status));
  script.note("links " + std::to_string(status.st_nlink));
  script.open("x", O_CREAT | O_WRONLY, d);
  script.note("mkdir in it", sys.mkdirat(d, "x", 0700));
  script.note("rename into it", sys.renameat2(script.root(), "b", d, "b", kNoReplace));
  for (const std::string& each : scan(sys, d, 1000)) script.note(each);
}

void locks(Script& script) {
  Sys& sys = script.sys();
  const int first = script.make("a");
  const int second = script.open("a", O_RDONLY);
  const auto lock = [&](const char* what, int fd, int operation) {
    script.note(what, sys.flock(fd, operation | LOCK_NB));
  };
  lock("first exclusive", first, LOCK_EX);
  lock("first exclusive again", first, LOCK_EX);
  lock("second exclusive", second, LOCK_EX);
  lock("second shared", second, LOCK_SH);
  lock("first shared", first, LOCK_SH);
  lock("second shared", second, LOCK_SH);
  lock("first exclusive", first, LOCK_EX);
  lock("first unlocked", first, LOCK_UN);
  lock("second exclusive", second, LOCK_EX);
  lock("first shared", first, LOCK_SH);
  script.close(second);
  lock("first exclusive", first, LOCK_EX);
  lock("nonsense", first, 0);
  const int directory = script.open(".", O_RDONLY | O_DIRECTORY);
  lock("directory", directory, LOCK_EX);
}

void byte_locks(Script& script) {
  Sys& sys = script.sys();
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max();
  const int first = script.open("a", O_CREAT | O_RDWR);
  const int second = script.open("a", O_RDONLY);
  script.note("second reads", sys.lock_byte(second, F_RDLCK, kLast));
  script.note("asked by first", sys.is_byte_locked(first, kLast));
  script.note("asked by second", sys.is_byte_locked(second, kLast));
  script.note("another byte", sys.is_byte_locked(first, 0));
  script.note("first writes", sys.lock_byte(first, F_WRLCK, kLast));
  script.note("first reads", sys.lock_byte(first, F_RDLCK, kLast));
  script.note("second is gone", sys.lock_byte(second, F_UNLCK, kLast));
  script.note("asked by second", sys.is_byte_locked(second, kLast));
  script.note("first writes", sys.lock_byte(first, F_WRLCK, kLast));
  script.note("second writes", sys.lock_byte(second, F_WRLCK, kLast));
  script.note("second reads", sys.lock_byte(second, F_RDLCK, kLast));
  script.note("no byte", sys.lock_byte(first, F_RDLCK, -1));
  script.note("no byte", sys.is_byte_locked(first, -1));
  script.close(first);
  script.note("second reads", sys.lock_byte(second, F_RDLCK, kLast));
  const int directory = script.open(".", O_RDONLY | O_DIRECTORY);
  const int other = script.open(".", O_RDONLY | O_DIRECTORY);
  script.note("directory", sys.lock_byte(directory, F_RDLCK, 1));
  script.note("asked by other", sys.is_byte_locked(other, 1));
  script.close(directory);
  script.note("asked by other", sys.is_byte_locked(other, 1));
  script.note("touch", sys.touchat(script.root(), "a"));
  script.note("touch itself", sys.touchat(script.root(), "."));
  script.note("touch nothing", sys.touchat(script.root(), "none"));
}

void leases(Script& script) {
  Sys& sys = script.sys();
  const int writer = script.make("a");
  const int reader = script.open("a", O_RDONLY);
  script.note("while open for writing", sys.set_lease(reader, F_RDLCK));
  script.note("given back", sys.set_lease(reader, F_UNLCK));
  script.close(writer);
  script.note("when closed", sys.set_lease(reader, F_RDLCK));
  script.note("given back", sys.set_lease(reader, F_UNLCK));
  script.note("write lease", sys.set_lease(reader, F_WRLCK));
  script.note("given back", sys.set_lease(reader, F_UNLCK));
  script.open("a", O_RDONLY);
  script.note("write lease beside a reader", sys.set_lease(reader, F_WRLCK));
  script.note("of a directory", sys.set_lease(script.root(), F_RDLCK));
}

void attributes(Script& script) {
  Sys& sys = script.sys();
  const int fd = script.make("a");
  std::array<char, 100> buffer = {};
  script.note("missing", sys.fgetxattr(fd, "user.x", buffer.data(), buffer.size()));
  script.note("remove missing", sys.fremovexattr(fd, "user.x"));
  script.note("empty list", sys.flistxattr(fd, buffer.data(), buffer.size()));
  script.note("set", sys.fsetxattr(fd, "user.x", "value", 5));
  script.note("size", sys.fgetxattr(fd, "user.x", nullptr, 0));
  script.note("too small", sys.fgetxattr(fd, "user.x", buffer.data(), 4));
  script.note("get", sys.fgetxattr(fd, "user.x", buffer.data(), buffer.size()));
  script.note(std::string{buffer.data(), 5});
  script.note("list size", sys.flistxattr(fd, nullptr, 0));
  script.note("list too small", sys.flistxattr(fd, buffer.data(), 3));
  script.note("list", sys.flistxattr(fd, buffer.data(), buffer.size()));
  script.note(buffer.data());
  script.note("replace", sys.fsetxattr(fd, "user.x", "", 0));
  script.note("get empty", sys.fgetxattr(fd, "user.x", buffer.data(), buffer.size()));
  script.note("no namespace", sys.fsetxattr(fd, "x", "v", 1));
  script.note("no name", sys.fsetxattr(fd, "user.", "v", 1));
  script.note("long name", sys.fsetxattr(fd, ("user." + std::string(251, 'n')).c_str(), "v", 1));
  const std::string huge(65'537, 'v');
  script.note("huge", sys.fsetxattr(fd, "user.y", huge.data(), huge.size()));
  const int path = script.open("a", O_PATH);
  script.note("by path", sys.fsetxattr(path, "user.x", "v", 1));
  const int reader = script.open("a", O_RDONLY);
  script.note("by a reader", sys.fsetxattr(reader, "user.x", "v", 1));
  script.note("remove", sys.fremovexattr(fd, "user.x"));
  script.note("list", sys.flistxattr(fd, buffer.data(), buffer.size()));
}

void scans(Script& script) {
  Sys& sys = script.sys();
  script.mkdir("d");
  script.make("short");
  script.make("a name that is a little longer than the others");
  const int fd = script.open(".", O_RDONLY | O_DIRECTORY);
  for (const std::size_t size : {std::size_t{80}, std::size_t{4096}}) {
    const int again = script.open(".", O_RDONLY | O_DIRECTORY);
    const std::vector<std::string> found = scan(sys, again, size);
    for (const std::string& each : std::set<std::string>(found.begin(), found.end())) {
      script.note(each);
    }
    script.note(std::to_string(found.size()));
  }
  std::array<char, 4096> buffer = {};
  script.note("tiny buffer", sys.getdents64(fd, buffer.data(), 10));
  script.note("of a file", sys.getdents64(script.open("short", O_RDONLY), buffer.data(), 4096));
}

/// A time of birth is the inode's: neither names nor content nor mode change it.
void births(Script& script) {
  Sys& sys = script.sys();
  const int fd = script.make("a", "first");
  struct stat status = {};
  struct timespec born = {};
  script.note("statx", sys.statx(script.root(), "a", status, born));
  const bool is_kept = born.tv_sec != 0;
  script.note(is_kept ? "kept" : "not kept");
  script.note("size " + std::to_string(status.st_size));
  const auto is_as_before = [&](const char* what, const char* name) {
    struct stat by_stat = {};
    struct timespec now = {};
    script.note(what, sys.statx(name[0] == '\0' ? fd : script.root(), name, status, now));
    const bool is_same = now.tv_sec == born.tv_sec && now.tv_nsec == born.tv_nsec;
    script.note(is_same ? "the same birth" : "another birth");
    static_cast<void>(sys.fstat(fd, by_stat));
    script.note(by_stat.st_ino == status.st_ino && by_stat.st_dev == status.st_dev &&
                        by_stat.st_mode == status.st_mode && by_stat.st_size == status.st_size &&
                        by_stat.st_nlink == status.st_nlink && by_stat.st_uid == status.st_uid &&
                        by_stat.st_mtim.tv_nsec == status.st_mtim.tv_nsec &&
                        by_stat.st_ctim.tv_nsec == status.st_ctim.tv_nsec
                    ? "as fstat"
                    : "not as fstat");
  };
  is_as_before("by descriptor", "");
  script.rename("a", "b");
  is_as_before("renamed", "b");
  script.note("write", sys.write(fd, "more", 4));
  is_as_before("written", "b");
  script.note("chmod", sys.fchmod(fd, 0640));
  script.note("fsync", sys.fsync(fd));
  is_as_before("synced", "b");
  script.rename("b", "c", kNoReplace);
  is_as_before("renamed again", "c");
  script.note("gone", sys.statx(script.root(), "a", status, born));
  script.note("bad descriptor", sys.statx(99'999, "", status, born));
}

struct Case {
  const char* name;
  void (*run)(Script&);
};

constexpr std::array kCases = {
    Case{"open flags", open_flags}, Case{"descriptors", descriptors},
    Case{"renames", renames},       Case{"removals", removals},
    Case{"locks", locks},           Case{"byte locks", byte_locks},
    Case{"leases", leases},         Case{"attributes", attributes},
    Case{"scans", scans},           Case{"births", births},
};

std::string on_kernel(void (*run)(Script&)) {
  const RealDirectory directory;
  Sys& sys = spoolq::detail::real_sys();
  const int root =
      sys.openat(AT_FDCWD, directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC).fd();
  Script script{sys, root, directory.path()};
  run(script);
  return script.transcript();
}

std::string on_simulation(void (*run)(Script&)) {
  SimulatedSys sys;
  sys.plant_directory("/q");
  Script script{sys, sys.openat(AT_FDCWD, "/q", O_RDONLY | O_DIRECTORY).fd(), "/q"};
  run(script);
  return script.transcript();
}

/// Objects that the seam cannot make are planted on both.
void plant_strange_objects(const std::string& root, SimulatedSys& sys) {
  namespace fs = std::filesystem;
  fs::create_directory(root + "/d");
  fs::create_symlink("target", root + "/link");
  fs::create_symlink("nowhere", root + "/dangling");
  fs::create_symlink("loop", root + "/loop");
  fs::create_directory_symlink("d", root + "/dlink");
  std::fclose(std::fopen((root + "/target").c_str(), "w"));
  fs::permissions(root + "/target", fs::perms{0600});
  fs::create_hard_link(root + "/target", root + "/hard");
  if (::mkfifo((root + "/fifo").c_str(), 0600) != 0) throw std::runtime_error{"mkfifo failed"};
  sys.plant_directory("/q/d");
  sys.plant_symlink("/q/link", "target");
  sys.plant_symlink("/q/dangling", "nowhere");
  sys.plant_symlink("/q/loop", "loop");
  sys.plant_symlink("/q/dlink", "d");
  sys.plant_file("/q/target", "");
  sys.plant_hard_link("/q/target", "/q/hard");
  sys.plant_fifo("/q/fifo");
}

void strange_objects(Script& script) {
  for (const char* name : {"link", "dangling", "loop", "dlink", "fifo"}) {
    const int read = script.open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (read >= 0) script.close(read);
    script.open(name, O_RDONLY | O_NOFOLLOW | O_DIRECTORY);
    script.open(name, O_PATH | O_NOFOLLOW);
    script.open(name, O_CREAT | O_EXCL | O_WRONLY);
    const SysResult opened = script.sys().openat2(
        script.root(), name, O_PATH | O_DIRECTORY | O_CLOEXEC, RESOLVE_NO_SYMLINKS);
    script.note("openat2", opened);
    struct stat status = {};
    script.note("fstatat", script.sys().fstatat(script.root(), name, status));
    script.note(std::to_string(status.st_mode & S_IFMT));
  }
  script.open("link", O_RDONLY);
  script.open("dlink", O_RDONLY | O_DIRECTORY);
  script.open("loop", O_RDONLY);
  script.open("dangling", O_RDONLY);
  script.open("fifo", O_WRONLY | O_NONBLOCK);
  const auto absolute = [&script](const std::string& below, std::uint64_t resolve) {
    const std::string path = script.path() + below;
    const SysResult result =
        script.sys().openat2(AT_FDCWD, path.c_str(), O_RDONLY | O_CLOEXEC, resolve);
    script.note(below, result.ok() ? SysResult::success() : result);
    if (result.ok()) (void)script.sys().close(result.fd());
  };
  absolute("/d/../target", RESOLVE_NO_SYMLINKS);
  absolute("/dlink/../target", RESOLVE_NO_SYMLINKS);
  absolute("/dlink/../target", 0);
  absolute("/target/x", 0);
  absolute("/missing/x", 0);
  script.rename("target", "hard", kNoReplace);
  script.rename("target", "hard");
  script.status("target");
  script.unlink("hard");
  script.status("target");
  script.rename("fifo", "fifo2", kNoReplace);
  script.rename("link", "link2", kNoReplace);
  script.status("target");
  const int fd = script.open(".", O_RDONLY | O_DIRECTORY);
  const std::vector<std::string> found = scan(script.sys(), fd, 4096);
  for (const std::string& each : std::set<std::string>(found.begin(), found.end())) {
    script.note(each);
  }
}

}  // namespace

TEST_CASE("the simulated calls answer as the kernel does", "[support][simulation]") {
  for (const Case& each : kCases) {
    DYNAMIC_SECTION(each.name) { CHECK(on_simulation(each.run) == on_kernel(each.run)); }
  }
}

TEST_CASE("strange objects are answered as the kernel does", "[support][simulation]") {
  const RealDirectory directory;
  SimulatedSys simulated;
  plant_strange_objects(directory.path(), simulated);
  Sys& real = spoolq::detail::real_sys();
  Script on_real{real, real.openat(AT_FDCWD, directory.path().c_str(), O_RDONLY | O_DIRECTORY).fd(),
                 directory.path()};
  Script on_simulated{simulated, simulated.openat(AT_FDCWD, "/q", O_RDONLY | O_DIRECTORY).fd(),
                      "/q"};
  strange_objects(on_real);
  strange_objects(on_simulated);
  CHECK(on_simulated.transcript() == on_real.transcript());
}

TEST_CASE("a scan sees untouched entries once while others move", "[support][simulation]") {
  SimulatedSys sys;
  for (int i = 0; i < 200; ++i) sys.plant_file("/q/kept" + std::to_string(i), "");
  for (int i = 0; i < 200; ++i) sys.plant_file("/q/moved" + std::to_string(i), "");
  const int dir = sys.openat(AT_FDCWD, "/q", O_RDONLY | O_DIRECTORY).fd();
  std::multiset<std::string> seen;
  std::array<char, 200> buffer = {};
  for (int i = 0;; ++i) {
    const SysResult result = sys.getdents64(dir, buffer.data(), buffer.size());
    REQUIRE(result.ok());
    if (result.value() == 0) break;
    for (const std::string& each : entries_in(buffer.data(), result.value())) seen.insert(each);
    const std::string number = std::to_string(i);
    (void)sys.renameat2(dir, ("moved" + number).c_str(), dir, ("gone" + number).c_str(), 0);
    (void)sys.unlinkat(dir, ("moved" + std::to_string(199 - i)).c_str());
  }
  for (int i = 0; i < 200; ++i) CHECK(seen.count("kept" + std::to_string(i) + " 8") == 1);
}
