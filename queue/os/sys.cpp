// The real system calls. The only file that reads errno.
#include "queue/os/sys.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <thread>

#include "queue/os/byte_lock.hpp"

#ifndef F_SETSIG
#define F_SETSIG 10
#endif

namespace spoolq::detail {
namespace {

SysResult result_of(std::int64_t value) {
  return value < 0 ? SysResult::failure(errno) : SysResult::success(value);
}

/// Restarts a call that a signal interrupted.
template <typename Call>
SysResult restarted(Call call) {
  std::int64_t value = 0;
  do {
    value = call();
  } while (value < 0 && errno == EINTR);
  return result_of(value);
}

struct timespec time_of(const struct statx_timestamp& time) {
  struct timespec made = {};
  made.tv_sec = time.tv_sec;
  made.tv_nsec = time.tv_nsec;
  return made;
}

class RealSys final : public Sys {
 public:
  SysResult openat(int dir, const char* name, int flags, mode_t mode) override {
    return restarted([&] { return ::openat(dir, name, flags, mode); });
  }
  SysResult openat2(int dir, const char* path, int flags, std::uint64_t resolve) override {
    struct open_how how = {};
    how.flags = static_cast<std::uint64_t>(flags);
    how.resolve = resolve;
    return restarted([&] { return ::syscall(SYS_openat2, dir, path, &how, sizeof how); });
  }
  // After EINTR the descriptor is gone on Linux; calling close() again could close another file.
  SysResult close(int fd) override { return result_of(::close(fd)); }
  SysResult read(int fd, void* buffer, std::size_t size) override {
    return restarted([&] { return ::read(fd, buffer, size); });
  }
  SysResult write(int fd, const void* bytes, std::size_t size) override {
    return restarted([&] { return ::write(fd, bytes, size); });
  }
  SysResult ftruncate(int fd, off_t size) override {
    return restarted([&] { return ::ftruncate(fd, size); });
  }
  SysResult fallocate(int fd, off_t size) override {
    return restarted([&] { return ::fallocate(fd, 0, 0, size); });
  }
  SysResult fchmod(int fd, mode_t mode) override { return result_of(::fchmod(fd, mode)); }
  SysResult touchat(int dir, const char* name) override {
    return result_of(::utimensat(dir, name, nullptr, AT_SYMLINK_NOFOLLOW));
  }
  SysResult fsync(int fd) override { return result_of(::fsync(fd)); }
  SysResult syncfs(int fd) override { return result_of(::syncfs(fd)); }
  SysResult flock(int fd, int operation) override {
    return restarted([&] { return ::flock(fd, operation); });
  }
  SysResult lock_byte(int fd, short type, std::int64_t place) override {
    struct flock lock = byte_lock(type, place, 1);
    return result_of(::fcntl(fd, F_OFD_SETLK, &lock));
  }
  SysResult is_byte_locked(int fd, std::int64_t place) override {
    // The kernel asks for no write access here, so a directory will do.
    struct flock lock = byte_lock(F_WRLCK, place, 1);
    if (::fcntl(fd, F_OFD_GETLK, &lock) < 0) return SysResult::failure(errno);
    return SysResult::success(lock.l_type == F_UNLCK ? 0 : 1);
  }
  SysResult set_lease(int fd, int type) override {
    if (type != F_UNLCK && ::fcntl(fd, F_SETSIG, SIGURG) < 0) return SysResult::failure(errno);
    return result_of(::fcntl(fd, F_SETLEASE, type));
  }
  SysResult fstat(int fd, struct stat& status) override { return result_of(::fstat(fd, &status)); }
  SysResult fstatat(int dir, const char* name, struct stat& status) override {
    return result_of(::fstatat(dir, name, &status, AT_SYMLINK_NOFOLLOW));
  }
  SysResult statx(int dir, const char* name, struct stat& status, struct timespec& born) override {
    struct statx found = {};
    const SysResult result = result_of(::statx(dir, name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH,
                                               STATX_BASIC_STATS | STATX_BTIME, &found));
    if (!result.ok()) return result;
    status = {};
    status.st_dev = ::makedev(found.stx_dev_major, found.stx_dev_minor);
    status.st_ino = found.stx_ino;
    status.st_mode = found.stx_mode;
    status.st_nlink = found.stx_nlink;
    status.st_uid = found.stx_uid;
    status.st_gid = found.stx_gid;
    status.st_size = static_cast<off_t>(found.stx_size);
    status.st_blksize = static_cast<blksize_t>(found.stx_blksize);
    status.st_blocks = static_cast<blkcnt_t>(found.stx_blocks);
    status.st_atim = time_of(found.stx_atime);
    status.st_mtim = time_of(found.stx_mtime);
    status.st_ctim = time_of(found.stx_ctime);
    born = (found.stx_mask & STATX_BTIME) != 0 ? time_of(found.stx_btime) : timespec{};
    return result;
  }
  SysResult mount_id(int fd, std::uint64_t& id) override {
    struct statx status = {};
    const SysResult result = result_of(::statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &status));
    id = (status.stx_mask & STATX_MNT_ID) != 0 ? status.stx_mnt_id : 0;
    return result;
  }
  SysResult file_system(int fd, FileSystemInfo& info) override {
    struct statfs status = {};
    const SysResult result = restarted([&] { return ::fstatfs(fd, &status); });
    info.type = static_cast<std::int64_t>(status.f_type);
    info.free_bytes =
        static_cast<std::uint64_t>(status.f_bavail) * static_cast<std::uint64_t>(status.f_frsize);
    info.total_inodes = status.f_files;
    info.free_inodes = status.f_ffree;
    return result;
  }
  SysResult mkdirat(int dir, const char* name, mode_t mode) override {
    return result_of(::mkdirat(dir, name, mode));
  }
  SysResult unlinkat(int dir, const char* name, int flags) override {
    return result_of(::unlinkat(dir, name, flags));
  }
  SysResult symlinkat(const char* target, int dir, const char* name) override {
    return result_of(::symlinkat(target, dir, name));
  }
  SysResult readlinkat(int fd, char* buffer, std::size_t size) override {
    return result_of(::readlinkat(fd, "", buffer, size));
  }
  SysResult renameat2(int from_dir, const char* from, int to_dir, const char* to,
                      unsigned flags) override {
    return result_of(::renameat2(from_dir, from, to_dir, to, flags));
  }
  SysResult getdents64(int fd, void* buffer, std::size_t size) override {
    return result_of(::syscall(SYS_getdents64, fd, buffer, size));
  }
  SysResult fsetxattr(int fd, const char* name, const void* value, std::size_t size) override {
    return result_of(::fsetxattr(fd, name, value, size, 0));
  }
  SysResult fgetxattr(int fd, const char* name, void* value, std::size_t size) override {
    return result_of(::fgetxattr(fd, name, value, size));
  }
  SysResult flistxattr(int fd, char* list, std::size_t size) override {
    return result_of(::flistxattr(fd, list, size));
  }
  SysResult fremovexattr(int fd, const char* name) override {
    return result_of(::fremovexattr(fd, name));
  }
  SysResult clock_gettime(clockid_t clock, struct timespec& now) override {
    return result_of(::clock_gettime(clock, &now));
  }
};

}  // namespace

SysResult Sys::lock_within(int fd, std::chrono::milliseconds limit) {
  constexpr std::chrono::milliseconds kStep{20};
  for (auto left = limit;; left -= kStep) {
    const SysResult locked = flock(fd, LOCK_EX | LOCK_NB);
    if (locked.error() != EWOULDBLOCK || left <= std::chrono::milliseconds{0}) return locked;
    std::this_thread::sleep_for(kStep);
  }
}

Sys& real_sys() {
  static RealSys sys;
  return sys;
}

}  // namespace spoolq::detail
