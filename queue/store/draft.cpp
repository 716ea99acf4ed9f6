// Making, publishing and sweeping files in tmp/.
#include "queue/store/draft.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>

#include "queue/format/message_id.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

/// A name is swept between its creation and its lock only if the clock jumped ahead meanwhile.
constexpr int kCreationsMax = 10;
/// Younger files in tmp/ are left alone: their writer may be between creating and locking them.
constexpr Duration kSweepAge = std::chrono::seconds{60};
/// Files with other names, after maildir(5). Measured by the newest of the three times, because
/// access times are not kept on many mounts.
constexpr Duration kForeignSweepAge = std::chrono::hours{36};

bool is_pending_name(std::string_view name) {
  return name.size() == 38 && parse_name(name).has_value();
}

/// Removes the file `inode` from tmp/, under a name that other programs may use again: another file
/// that has it by now keeps it.
bool remove_foreign(OpenQueue& queue, const std::string& file, ino_t inode) {
  Sys& sys = queue.sys();
  const int tmp = queue.fd(Folder::tmp);
  const std::string seized = "swept-" + random_token();
  if (!rename_new(sys, tmp, file.c_str(), tmp, seized.c_str()).ok()) return false;
  struct stat status = {};
  if (sys.fstatat(tmp, seized.c_str(), status).ok() && status.st_ino == inode) {
    return sys.unlinkat(tmp, seized.c_str()).ok();
  }
  const SysResult restored = rename_new(sys, tmp, seized.c_str(), tmp, file.c_str());
  if (!restored.ok() && restored.error() != ENOENT) {
    queue.log(LogLevel::warning, fmt::format("tmp/{} is tmp/{} now: another file has its name",
                                             escaped(file), seized));
  }
  return false;
}

}  // namespace

DraftFile::DraftFile(OpenQueue& queue, int priority, const std::optional<MessageId>& id)
    : queue_{queue} {
  for (int i = 0; i < kCreationsMax; ++i) {
    // No name in tmp/ is used twice, so a process that has locked a file may remove it by its name.
    const MessageId unused = id && i == 0 ? *id : process_message_ids().next(queue.now());
    try {
      if (create(fmt::format("{}.{}", priority, unused.to_string()))) return;
    } catch (...) {
      drop();
      throw;
    }
  }
  throw_errno(EAGAIN, "create a file in", queue.path(Folder::tmp), "swept each time");
}

/// False when it was swept before it was locked.
bool DraftFile::create(const std::string& file) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Sys& sys = queue_.sys();
  const std::string path = queue_.path(Folder::tmp, file);
  fd_ = LockFd{sys, [&] { return sys.openat(queue_.fd(Folder::tmp), file.c_str(), kFlags, 0600); }};
  if (fd_.error() != 0) throw_errno(fd_.error(), "create", path);
  file_ = file;
  require(sys.flock(fd_.get(), LOCK_EX | LOCK_NB), "lock", path);
  if (stat_file(sys, fd_.get(), path).st_nlink == 0) {
    file_.clear();
    return false;
  }
  // The mode does not depend on the umask.
  require(sys.fchmod(fd_.get(), queue_.settings()->file_mode()), "chmod", path);
  return true;
}

std::string DraftFile::path() const { return queue_.path(Folder::tmp, file_); }

StoredMessage DraftFile::publish(const Destination& to, Ballast ballast) {
  auto published = queue_.store().move({Folder::tmp, file_}, to, ballast);
  if (!published) throw_errno(ENOENT, "rename", path(), "somebody removed it");
  file_.clear();
  return *published;
}

void DraftFile::stage(int directory, const std::string& name) {
  require(rename_new(queue_.sys(), queue_.fd(Folder::tmp), file_.c_str(), directory, name.c_str()),
          "rename", path());
  file_.clear();
}

void DraftFile::drop() {
  if (file_.empty() || process_.foreign()) return;
  static_cast<void>(queue_.sys().unlinkat(queue_.fd(Folder::tmp), file_.c_str()));
  file_.clear();
}

std::uint64_t sweep_drafts(OpenQueue& queue) {
  Sys& sys = queue.sys();
  const int tmp = queue.fd(Folder::tmp);
  const Time now = queue.now();
  std::uint64_t swept = 0;
  scan_directory(sys, tmp, queue.path(Folder::tmp), [&](const DirectoryEntry& entry) {
    if (!entry.may_be_regular()) return true;
    const std::string file{entry.name};
    const UniqueFd fd{sys, sys.openat(tmp, file.c_str(), kReadFlags)};
    if (!fd) return true;
    struct stat status = {};
    if (!sys.fstat(fd.get(), status).ok() || !S_ISREG(status.st_mode)) return true;
    const Time changed = time_of(status.st_ctim);
    if (is_pending_name(file)) {
      if (now - changed < kSweepAge || !sys.flock(fd.get(), LOCK_EX | LOCK_NB).ok()) return true;
      // The lock is held until the file is gone: a writer that comes now finds no link left. No
      // name like this is used twice.
      if (sys.unlinkat(tmp, file.c_str()).ok()) ++swept;
      return true;
    }
    const Time touched = std::max({changed, time_of(status.st_mtim), time_of(status.st_atim)});
    // A write lease is granted only while nobody else has the file open (fcntl(2)).
    if (now - touched < kForeignSweepAge || !sys.set_lease(fd.get(), F_WRLCK).ok()) return true;
    if (remove_foreign(queue, file, status.st_ino)) ++swept;
    return true;
  });
  return swept;
}

}  // namespace spoolq::detail
