// Locked files as proof of life.
#include "queue/store/consumer_locks.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "queue/format/message_id.hpp"
#include "queue/format/message_name.hpp"
#include "queue/os/byte_lock.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

constexpr std::string_view kSparePrefix = "spare.";
constexpr int kSpares = 4;
constexpr int kLockFlags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
constexpr int kAttempts = 16;
/// What is younger than this is not touched.
constexpr std::chrono::hours kYoung{1};

/// Whether an open failed because of what has the name: a link, a folder, a socket or a device.
bool is_no_file(int error) { return error == ELOOP || error == EISDIR || error == ENXIO; }

/// What else is there, as a restore or a repair leaves it, is not ours.
void scan_regular_files(Sys& sys, const Folders& folders,
                        const std::function<void(std::string_view)>& visit) {
  scan_directory(sys, folders.fd(Folder::consumers), folders.path(Folder::consumers),
                 [&visit](const DirectoryEntry& entry) {
                   if (entry.may_be_regular()) visit(entry.name);
                   return true;
                 });
}

std::vector<std::string> list_spares(Sys& sys, const Folders& folders) {
  std::vector<std::string> spares;
  scan_regular_files(sys, folders, [&spares](std::string_view name) {
    if (name.starts_with(kSparePrefix)) spares.emplace_back(name);
  });
  return spares;
}

std::string first_line(const char* path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  return line;
}

std::string command_line() {
  std::ifstream file{"/proc/self/cmdline", std::ios::binary};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  for (char& c : text) {
    if (c == '\0') c = ' ';
  }
  while (!text.empty() && text.back() == ' ') text.pop_back();
  constexpr std::size_t kLimit = 200;
  return text.substr(0, kLimit);
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string{name.data()} : "";
}

NewConsumer NewConsumer::prepare(mode_t mode) {
  return {random_token(), std::string{kSparePrefix} + random_token(), mode};
}

std::optional<std::array<int, 2>> NewConsumer::prove_life(Sys& sys, int consumers) const noexcept {
  const auto close = [&sys](const SysResult& opened) {
    if (opened.ok()) static_cast<void>(sys.close(opened.fd()));
  };
  // In the order of Registration::take_spare().
  const SysResult file =
      sys.openat(consumers, spare.c_str(), kLockFlags | O_CREAT | O_EXCL, S_IRUSR | S_IWUSR);
  if (file.ok()) static_cast<void>(sys.fchmod(file.fd(), mode));
  // Another consumer may have taken it for a spare before it was locked.
  const bool locked = file.ok() && sys.flock(file.fd(), LOCK_EX | LOCK_NB).ok();
  const SysResult folder = sys.openat(consumers, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool has_byte =
      folder.ok() && sys.lock_byte(folder.fd(), F_RDLCK, byte_of_consumer(name)).ok();
  if (locked && folder.ok() &&
      rename_new(sys, consumers, spare.c_str(), consumers, name.c_str()).ok()) {
    return std::array{file.fd(), folder.fd()};
  }
  close(file);
  if (has_byte) return std::array{-1, folder.fd()};
  close(folder);
  return std::nullopt;
}

void make_spares(Sys& sys, const Folders& folders, mode_t mode) {
  const int dir = folders.fd(Folder::consumers);
  for (auto count = list_spares(sys, folders).size(); count < kSpares; ++count) {
    const std::string name = std::string{kSparePrefix} + random_token();
    const SysResult made =
        sys.openat(dir, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (!made.ok()) return;
    // Others who share the queue take them, and look whether their owner lives.
    static_cast<void>(sys.fchmod(made.fd(), mode));
    static_cast<void>(sys.close(made.fd()));
  }
}

Registration::Registration(OpenQueue& queue) : queue_{queue}, consumer_{random_token()} {
  for (int i = 0; i < kAttempts; ++i) {
    if (take_spare()) {
      describe_process();
      return;
    }
    make_spare();
  }
  throw_errno(EAGAIN, "register in", queue_.path(Folder::consumers), "every spare was taken");
}

void Registration::lock_byte() {
  Sys& sys = queue_.sys();
  const int dir = queue_.fd(Folder::consumers);
  // A description of its own: the lock belongs to it.
  LockFd lock{sys, [&] { return sys.openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }};
  if (lock.error() != 0) throw_errno(lock.error(), "open", queue_.path(Folder::consumers));
  const SysResult locked = sys.lock_byte(lock.get(), F_RDLCK, byte_of_consumer(consumer_));
  // EINVAL: not on this file system. Then the file alone has to do.
  if (!locked.ok() && locked.error() != EINVAL) {
    throw_errno(locked.error(), "lock a byte of", queue_.path(Folder::consumers));
  }
  byte_lock_ = std::move(lock);
}

bool Registration::take_spare() {
  Sys& sys = queue_.sys();
  const int dir = queue_.fd(Folder::consumers);
  for (const std::string& spare : list_spares(sys, queue_.folders())) {
    LockFd lock{sys, [&] { return sys.openat(dir, spare.c_str(), kLockFlags); }};
    const int error = lock.error();
    if (error == ENOENT || is_no_file(error)) continue;
    if (error == EACCES || error == EPERM) continue;  // Another user's own.
    if (lock.error() != 0) {
      throw_errno(lock.error(), "open", queue_.path(Folder::consumers, spare));
    }
    // Locked: another consumer is taking this spare.
    const SysResult locked = sys.flock(lock.get(), LOCK_EX | LOCK_NB);
    if (locked.error() == EWOULDBLOCK) continue;
    if (!locked.ok()) {
      throw_errno(locked.error(), "lock", queue_.path(Folder::consumers, spare));
    }
    // Another consumer may have taken it between our open and our lock, and ended since.
    struct stat ours = {};
    struct stat named = {};
    if (!sys.fstat(lock.get(), ours).ok() || !sys.fstatat(dir, spare.c_str(), named).ok() ||
        ours.st_ino != named.st_ino || !S_ISREG(ours.st_mode)) {
      continue;
    }
    // Before the file has the name, so that no reaper sees that without the byte. After the file
    // was opened: at the end of a process the kernel closes what was opened last first (the last to
    // get a number), and the closing of the file is what tells the reapers to ask for both.
    lock_byte();
    const SysResult renamed = rename_new(sys, dir, spare.c_str(), dir, consumer_.c_str());
    if (renamed.error() == ENOENT) continue;  // Removed, as a program does that cleans up.
    if (!renamed.ok()) {
      throw_errno(renamed.error(), "rename", queue_.path(Folder::consumers, spare));
    }
    lock_ = std::move(lock);
    return true;
  }
  return false;
}

void Registration::make_spare() {
  const std::string name = std::string{kSparePrefix} + random_token();
  const SysResult made = queue_.sys().openat(queue_.fd(Folder::consumers), name.c_str(),
                                             kLockFlags | O_CREAT | O_EXCL, 0600);
  if (!made.ok()) throw_errno(made.error(), "create", queue_.path(Folder::consumers, name));
  static_cast<void>(queue_.sys().fchmod(made.fd(), queue_.settings()->file_mode()));
  static_cast<void>(queue_.sys().close(made.fd()));
}

void Registration::describe_process() {
  const nlohmann::ordered_json json{
      {"host", host_name()},
      {"pid", ::getpid()},
      {"boot_id", first_line("/proc/sys/kernel/random/boot_id")},
      {"started_at_ms", queue_.now().time_since_epoch().count()},
      {"command", command_line()},
  };
  const std::string text =
      json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
  // For people only: on a full disk the lock and the name have to do.
  try {
    static_cast<void>(queue_.sys().ftruncate(lock_.get(), 0));
    write_all(queue_.sys(), lock_.get(), text, queue_.path(Folder::consumers, consumer_));
  } catch (const Error&) {
    static_cast<void>(queue_.sys().ftruncate(lock_.get(), 0));
  }
}

std::array<int, 2> Registration::duplicate() const {
  process_.require_own("duplicate", consumer_.c_str());
  // Not closed in a forked child, unlike those that they are copies of: that is what they are for.
  const int file = ::fcntl(lock_.get(), F_DUPFD_CLOEXEC, 0);
  const int byte = file < 0 ? -1 : ::fcntl(byte_lock_.get(), F_DUPFD_CLOEXEC, 0);
  if (byte < 0) {
    const int error = errno;
    if (file >= 0) ::close(file);
    throw_errno(error, "duplicate", queue_.path(Folder::consumers, consumer_));
  }
  return {file, byte};
}

Registration::~Registration() {
  if (process_.foreign()) return;
  try {
    bury_consumer(queue_, consumer_);
  } catch (const Error& error) {
    queue_.log(LogLevel::warning, error.what());
  }
}

bool is_alive(OpenQueue& queue, std::string_view consumer) {
  const std::string name{consumer};
  Sys& sys = queue.sys();
  const int dir = queue.fd(Folder::consumers);
  // The byte first: of a file without a lock it is the only proof, and it costs one call.
  const SysResult byte = sys.is_byte_locked(dir, byte_of_consumer(consumer));
  if (byte.ok() ? byte.value() != 0 : byte.error() != EINVAL) return true;
  const SysResult opened = sys.openat(dir, name.c_str(), kReadFlags);
  if (!opened.ok()) return opened.error() != ENOENT && !is_no_file(opened.error());
  const UniqueFd fd{sys, opened};
  if (!queue.locks_prove_death()) return true;
  // Shared, so that two who ask at the same time do not take each other for the owner.
  return !sys.flock(fd.get(), LOCK_SH | LOCK_NB).ok();
}

bool has_consumer_file(OpenQueue& queue, const std::string& consumer) {
  struct stat status = {};
  return queue.sys().fstatat(queue.fd(Folder::consumers), consumer.c_str(), status).ok();
}

void keep_young(OpenQueue& queue, std::string_view consumer) {
  Sys& sys = queue.sys();
  const Folders& folders = queue.folders();
  const auto touch = [&sys](int dir, const std::string& name) {
    static_cast<void>(sys.touchat(dir, name.c_str()));
  };
  touch(queue.fd(Folder::consumers), std::string{consumer});
  struct stat status = {};
  if (!sys.fstatat(folders.root(), kSettingsFile, status).ok()) return;
  const Time touched{std::chrono::seconds{status.st_mtim.tv_sec}};
  if (queue.now() - touched < kYoung) return;
  // By the names in the queue's directory: a link to an inbox is touched, the inbox is not ours.
  for (int i = 0; i < kFolderCount; ++i) {
    touch(folders.root(), folder_name(static_cast<Folder>(i)));
  }
  for (const char* name : {"intake", "ballast", "."}) touch(folders.root(), name);
  for (const std::string& spare : list_spares(sys, folders)) {
    touch(queue.fd(Folder::consumers), spare);
  }
  // Last: it says that the others have been.
  touch(folders.root(), kSettingsFile);
}

void scan_consumers(OpenQueue& queue, const std::function<void(std::string_view)>& visit) {
  scan_regular_files(queue.sys(), queue.folders(), [&visit](std::string_view name) {
    if (is_consumer_name(name)) visit(name);
  });
}

void bury_consumer(OpenQueue& queue, std::string_view consumer) {
  const std::string name{consumer};
  Sys& sys = queue.sys();
  const int dir = queue.fd(Folder::consumers);
  if (list_spares(sys, queue.folders()).size() < kSpares) {
    const std::string spare = std::string{kSparePrefix} + random_token();
    const SysResult renamed = rename_new(sys, dir, name.c_str(), dir, spare.c_str());
    if (renamed.ok() || renamed.error() == ENOENT) return;
  }
  static_cast<void>(sys.unlinkat(dir, name.c_str()));
}

}  // namespace spoolq::detail
