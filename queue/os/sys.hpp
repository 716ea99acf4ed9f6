// The system calls whose failure matters, behind one interface. The library never calls these
// functions directly, so a test can fail the Nth call, forget what was not synced, or kill the
// process between two of them.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>

namespace spoolq::detail {

/// What a system call gave: a value, or the errno it failed with.
class [[nodiscard]] SysResult {
 public:
  static constexpr SysResult success(std::int64_t value = 0) { return SysResult{value, 0}; }
  static constexpr SysResult failure(int error) { return SysResult{-1, error}; }

  [[nodiscard]] constexpr bool ok() const { return error_ == 0; }
  /// The returned value: a descriptor, a byte count, or 0.
  [[nodiscard]] constexpr std::int64_t value() const { return value_; }
  /// The returned value as a file descriptor.
  [[nodiscard]] constexpr int fd() const { return static_cast<int>(value_); }
  /// The errno, 0 on success.
  [[nodiscard]] constexpr int error() const { return error_; }

 private:
  constexpr SysResult(std::int64_t value, int error) : value_{value}, error_{error} {}
  std::int64_t value_;
  int error_;
};

/// What the queue asks about a file system.
struct FileSystemInfo {
  std::int64_t type = 0;           ///< f_type of statfs(2): the magic number.
  std::uint64_t free_bytes = 0;    ///< Bytes an unprivileged process may still write.
  std::uint64_t total_inodes = 0;  ///< 0 where inodes are not counted (btrfs).
  std::uint64_t free_inodes = 0;
};

/// The seam. Each member is the system call of the same name, with the errno in the result.
/// Calls that a signal may interrupt are restarted, except close() and the syncs, whose
/// interruption is an answer. Names are single components below a directory descriptor.
/// Implementations are safe to call from several threads.
class Sys {
 public:
  Sys() = default;
  Sys(const Sys&) = delete;
  Sys& operator=(const Sys&) = delete;
  virtual ~Sys() = default;

  virtual SysResult openat(int dir, const char* name, int flags, mode_t mode = 0) = 0;
  /// openat2(2) with RESOLVE_* flags; ENOSYS on kernels before 5.6.
  virtual SysResult openat2(int dir, const char* path, int flags, std::uint64_t resolve) = 0;
  virtual SysResult close(int fd) = 0;
  virtual SysResult read(int fd, void* buffer, std::size_t size) = 0;
  virtual SysResult write(int fd, const void* bytes, std::size_t size) = 0;
  virtual SysResult ftruncate(int fd, off_t size) = 0;
  virtual SysResult fallocate(int fd, off_t size) = 0;
  virtual SysResult fchmod(int fd, mode_t mode) = 0;
  /// utimensat(2) with the present time and AT_SYMLINK_NOFOLLOW.
  virtual SysResult touchat(int dir, const char* name) = 0;
  virtual SysResult fsync(int fd) = 0;
  virtual SysResult syncfs(int fd) = 0;
  virtual SysResult flock(int fd, int operation) = 0;
  /// flock(2) with LOCK_EX, tried again and again while another one has the lock. EWOULDBLOCK when
  /// that one still has it at the end of `limit`: a process that is stopped may hold it for ever.
  virtual SysResult lock_within(int fd, std::chrono::milliseconds limit);
  /// fcntl(F_OFD_SETLK) of one byte, with `type` F_RDLCK, F_WRLCK or F_UNLCK.
  virtual SysResult lock_byte(int fd, short type, std::int64_t place) = 0;
  /// fcntl(F_OFD_GETLK): 1 if another open file description has that byte locked, else 0.
  virtual SysResult is_byte_locked(int fd, std::int64_t place) = 0;
  /// fcntl(F_SETLEASE) with `type` F_RDLCK, F_WRLCK or F_UNLCK. The signal of a broken lease is
  /// set to SIGURG first, because the default, SIGIO, ends the process.
  virtual SysResult set_lease(int fd, int type) = 0;
  virtual SysResult fstat(int fd, struct stat& status) = 0;
  /// fstatat(2) with AT_SYMLINK_NOFOLLOW.
  virtual SysResult fstatat(int dir, const char* name, struct stat& status) = 0;
  /// statx(2) with AT_SYMLINK_NOFOLLOW: what fstatat gives, and the time of birth, STATX_BTIME. An
  /// empty `name` asks about the descriptor `dir`. `born` is zero where the kernel has no such
  /// time.
  virtual SysResult statx(int dir, const char* name, struct stat& status,
                          struct timespec& born) = 0;
  /// The mount the descriptor is on (statx(2), stx_mnt_id); 0 where the kernel does not tell.
  virtual SysResult mount_id(int fd, std::uint64_t& id) = 0;
  virtual SysResult file_system(int fd, FileSystemInfo& info) = 0;
  virtual SysResult mkdirat(int dir, const char* name, mode_t mode) = 0;
  virtual SysResult unlinkat(int dir, const char* name, int flags = 0) = 0;
  virtual SysResult symlinkat(const char* target, int dir, const char* name) = 0;
  /// readlinkat(2) of the symbolic link that `fd` was opened on, with O_PATH and O_NOFOLLOW.
  virtual SysResult readlinkat(int fd, char* buffer, std::size_t size) = 0;
  /// renameat2(2); `flags` is 0, RENAME_NOREPLACE or RENAME_EXCHANGE.
  virtual SysResult renameat2(int from_dir, const char* from, int to_dir, const char* to,
                              unsigned flags) = 0;
  /// getdents64(2): fills `buffer` with linux_dirent64 records; 0 at the end.
  virtual SysResult getdents64(int fd, void* buffer, std::size_t size) = 0;
  virtual SysResult fsetxattr(int fd, const char* name, const void* value, std::size_t size) = 0;
  virtual SysResult fgetxattr(int fd, const char* name, void* value, std::size_t size) = 0;
  virtual SysResult flistxattr(int fd, char* list, std::size_t size) = 0;
  virtual SysResult fremovexattr(int fd, const char* name) = 0;
  virtual SysResult clock_gettime(clockid_t clock, struct timespec& now) = 0;
};

/// The kernel itself.
Sys& real_sys();

}  // namespace spoolq::detail
