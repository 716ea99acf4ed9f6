// Leftovers, spares, finished messages.
#include "queue/maintenance/cleanup.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "queue/format/message_id.hpp"
#include "queue/format/message_name.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/rename.hpp"
#include "queue/store/space.hpp"

namespace spoolq::detail {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

/// Younger files in tmp/ are left alone: their writer may be between creating and locking them.
constexpr Duration kSweepAge = seconds{60};
/// Files with other names, after maildir(5). Measured by the newest of the three times, because
/// access times are not kept on many mounts.
constexpr Duration kForeignSweepAge = hours{36};
Time time_of(const struct timespec& time) {
  return Time{
      std::chrono::milliseconds{std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000}};
}

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

std::uint64_t sweep(OpenQueue& queue) {
  Sys& sys = queue.sys();
  const int tmp = queue.fd(Folder::tmp);
  const Time now = queue.now();
  std::uint64_t swept = 0;
  scan_directory(sys, tmp, queue.path(Folder::tmp), [&](const DirectoryEntry& entry) {
    if (entry.type != DT_REG && entry.type != DT_UNKNOWN) return true;
    const std::string file{entry.name};
    const SysResult opened =
        sys.openat(tmp, file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (!opened.ok()) return true;
    const UniqueFd fd{sys, opened.fd()};
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

void restock(OpenQueue& queue) {
  make_spares(queue.sys(), queue.folders(), queue.settings()->file_mode());
  make_ballast(queue.sys(), queue.folders());
}

std::uint64_t prune_done(OpenQueue& queue) {
  const auto keep = queue.settings()->keep_done_for;
  if (!keep) return 0;
  Sys& sys = queue.sys();
  const int done = queue.fd(Folder::done);
  const Time now = queue.now();
  std::uint64_t pruned = 0;
  scan_directory(sys, done, queue.path(Folder::done), [&](const DirectoryEntry& entry) {
    const std::string file{entry.name};
    if (!parse_name(file)) return true;
    struct stat status = {};
    if (!sys.fstatat(done, file.c_str(), status).ok()) return true;
    // The rename into done/ set the time of change.
    if (now - time_of(status.st_ctim) < *keep) return true;
    if (sys.unlinkat(done, file.c_str()).ok()) ++pruned;
    return true;
  });
  return pruned;
}

}  // namespace spoolq::detail
