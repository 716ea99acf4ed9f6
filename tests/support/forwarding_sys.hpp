// Passes each call of the seam on to another Sys, with one hook before it and one after it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "queue/os/sys.hpp"
#include "tests/support/call.hpp"

namespace spoolq::test {

using detail::FileSystemInfo;
using detail::Sys;
using detail::SysResult;

/// A call as the hooks see it. What a call does not have is left at its default.
struct CallInfo {
  Call call = Call::openat;
  int fd = -1;                 ///< The descriptor, or the directory of `name`.
  const char* name = nullptr;  ///< Of the entry or the attribute.
  int to_dir = -1;
  const char* to = nullptr;
  std::uint64_t flags = 0;  ///< Also the operation of flock, the type of a lease, the clock.
  std::uint64_t size = 0;   ///< In bytes.
};

/// The base of test doubles that change only some calls. The wrapped Sys must outlive it.
class ForwardingSys : public Sys {
 public:
  explicit ForwardingSys(Sys& inner) : inner_{inner} {}

  SysResult openat(int dir, const char* name, int flags, mode_t mode = 0) override {
    return forward({Call::openat, dir, name, -1, nullptr, unsigned_of(flags)},
                   [&] { return inner_.openat(dir, name, flags, mode); });
  }
  SysResult openat2(int dir, const char* path, int flags, std::uint64_t resolve) override {
    return forward({Call::openat2, dir, path, -1, nullptr, unsigned_of(flags)},
                   [&] { return inner_.openat2(dir, path, flags, resolve); });
  }
  SysResult close(int fd) override {
    return forward({Call::close, fd}, [&] { return inner_.close(fd); });
  }
  SysResult read(int fd, void* buffer, std::size_t size) override {
    return forward({Call::read, fd, nullptr, -1, nullptr, 0, size},
                   [&] { return inner_.read(fd, buffer, size); });
  }
  SysResult write(int fd, const void* bytes, std::size_t size) override {
    return forward({Call::write, fd, nullptr, -1, nullptr, 0, size},
                   [&] { return inner_.write(fd, bytes, size); });
  }
  SysResult ftruncate(int fd, off_t size) override {
    return forward({Call::ftruncate, fd, nullptr, -1, nullptr, 0, unsigned_of(size)},
                   [&] { return inner_.ftruncate(fd, size); });
  }
  SysResult fallocate(int fd, off_t size) override {
    return forward({Call::fallocate, fd, nullptr, -1, nullptr, 0, unsigned_of(size)},
                   [&] { return inner_.fallocate(fd, size); });
  }
  SysResult fchmod(int fd, mode_t mode) override {
    return forward({Call::fchmod, fd, nullptr, -1, nullptr, mode},
                   [&] { return inner_.fchmod(fd, mode); });
  }
  SysResult touchat(int dir, const char* name) override {
    return forward({Call::touchat, dir, name}, [&] { return inner_.touchat(dir, name); });
  }
  SysResult fsync(int fd) override {
    return forward({Call::fsync, fd}, [&] { return inner_.fsync(fd); });
  }
  SysResult syncfs(int fd) override {
    return forward({Call::syncfs, fd}, [&] { return inner_.syncfs(fd); });
  }
  SysResult flock(int fd, int operation) override {
    return forward({Call::flock, fd, nullptr, -1, nullptr, unsigned_of(operation)},
                   [&] { return inner_.flock(fd, operation); });
  }
  SysResult lock_byte(int fd, short type, std::int64_t place) override {
    return forward({Call::lock_byte, fd, nullptr, -1, nullptr, unsigned_of(type)},
                   [&] { return inner_.lock_byte(fd, type, place); });
  }
  SysResult is_byte_locked(int fd, std::int64_t place) override {
    return forward({Call::is_byte_locked, fd}, [&] { return inner_.is_byte_locked(fd, place); });
  }
  SysResult set_lease(int fd, int type) override {
    return forward({Call::set_lease, fd, nullptr, -1, nullptr, unsigned_of(type)},
                   [&] { return inner_.set_lease(fd, type); });
  }
  SysResult fstat(int fd, struct stat& status) override {
    return forward({Call::fstat, fd}, [&] { return inner_.fstat(fd, status); });
  }
  SysResult fstatat(int dir, const char* name, struct stat& status) override {
    return forward({Call::fstatat, dir, name}, [&] { return inner_.fstatat(dir, name, status); });
  }
  SysResult statx(int dir, const char* name, struct stat& status, struct timespec& born) override {
    return forward({Call::statx, dir, name}, [&] { return inner_.statx(dir, name, status, born); });
  }
  SysResult mount_id(int fd, std::uint64_t& id) override {
    return forward({Call::mount_id, fd}, [&] { return inner_.mount_id(fd, id); });
  }
  SysResult file_system(int fd, FileSystemInfo& info) override {
    return forward({Call::file_system, fd}, [&] { return inner_.file_system(fd, info); });
  }
  SysResult mkdirat(int dir, const char* name, mode_t mode) override {
    return forward({Call::mkdirat, dir, name, -1, nullptr, mode},
                   [&] { return inner_.mkdirat(dir, name, mode); });
  }
  SysResult unlinkat(int dir, const char* name, int flags = 0) override {
    return forward({Call::unlinkat, dir, name, -1, nullptr, unsigned_of(flags)},
                   [&] { return inner_.unlinkat(dir, name, flags); });
  }
  SysResult symlinkat(const char* target, int dir, const char* name) override {
    return forward({Call::symlinkat, dir, name},
                   [&] { return inner_.symlinkat(target, dir, name); });
  }
  SysResult readlinkat(int fd, char* buffer, std::size_t size) override {
    return forward({Call::readlinkat, fd, nullptr, -1, nullptr, 0, size},
                   [&] { return inner_.readlinkat(fd, buffer, size); });
  }
  SysResult renameat2(int from_dir, const char* from, int to_dir, const char* to,
                      unsigned flags) override {
    return forward({Call::renameat2, from_dir, from, to_dir, to, flags},
                   [&] { return inner_.renameat2(from_dir, from, to_dir, to, flags); });
  }
  SysResult getdents64(int fd, void* buffer, std::size_t size) override {
    return forward({Call::getdents64, fd, nullptr, -1, nullptr, 0, size},
                   [&] { return inner_.getdents64(fd, buffer, size); });
  }
  SysResult fsetxattr(int fd, const char* name, const void* value, std::size_t size) override {
    return forward({Call::fsetxattr, fd, name, -1, nullptr, 0, size},
                   [&] { return inner_.fsetxattr(fd, name, value, size); });
  }
  SysResult fgetxattr(int fd, const char* name, void* value, std::size_t size) override {
    return forward({Call::fgetxattr, fd, name, -1, nullptr, 0, size},
                   [&] { return inner_.fgetxattr(fd, name, value, size); });
  }
  SysResult flistxattr(int fd, char* list, std::size_t size) override {
    return forward({Call::flistxattr, fd, nullptr, -1, nullptr, 0, size},
                   [&] { return inner_.flistxattr(fd, list, size); });
  }
  SysResult fremovexattr(int fd, const char* name) override {
    return forward({Call::fremovexattr, fd, name}, [&] { return inner_.fremovexattr(fd, name); });
  }
  SysResult clock_gettime(clockid_t clock, struct timespec& now) override {
    return forward({Call::clock_gettime, -1, nullptr, -1, nullptr, unsigned_of(clock)},
                   [&] { return inner_.clock_gettime(clock, now); });
  }

 protected:
  [[nodiscard]] Sys& inner() { return inner_; }

  /// An answer here takes the place of the call, which is then not made.
  virtual std::optional<SysResult> before(const CallInfo&) { return std::nullopt; }
  /// Sees, and may replace, what the call gave. Not asked after an answer of before().
  virtual SysResult after(const CallInfo&, SysResult result) { return result; }

 private:
  template <typename Value>
  static std::uint64_t unsigned_of(Value value) {
    return static_cast<std::uint64_t>(value);
  }

  template <typename Body>
  SysResult forward(const CallInfo& info, Body body) {
    const std::optional<SysResult> answer = before(info);
    return answer ? *answer : after(info, body());
  }

  Sys& inner_;
};

}  // namespace spoolq::test
