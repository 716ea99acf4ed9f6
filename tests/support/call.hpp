// The kinds of calls in the seam, by name: for call logs, fault tables and counters.
#pragma once

#include <array>
#include <cstddef>

namespace spoolq::test {

/// One enumerator for each member function of spoolq::detail::Sys, in the same order.
enum class Call {
  openat,
  openat2,
  close,
  read,
  write,
  ftruncate,
  fallocate,
  fchmod,
  touchat,
  fsync,
  syncfs,
  flock,
  lock_byte,
  is_byte_locked,
  set_lease,
  fstat,
  fstatat,
  statx,
  mount_id,
  file_system,
  mkdirat,
  unlinkat,
  symlinkat,
  readlinkat,
  renameat2,
  getdents64,
  fsetxattr,
  fgetxattr,
  flistxattr,
  fremovexattr,
  clock_gettime,
};

inline constexpr std::size_t kCallCount = static_cast<std::size_t>(Call::clock_gettime) + 1;

constexpr const char* to_string(Call call) {
  constexpr std::array<const char*, kCallCount> kNames = {
      "openat",        "openat2",        "close",     "read",      "write",      "ftruncate",
      "fallocate",     "fchmod",         "touchat",   "fsync",     "syncfs",     "flock",
      "lock_byte",     "is_byte_locked", "set_lease", "fstat",     "fstatat",    "statx",
      "mount_id",      "file_system",    "mkdirat",   "unlinkat",  "symlinkat",  "readlinkat",
      "renameat2",     "getdents64",     "fsetxattr", "fgetxattr", "flistxattr", "fremovexattr",
      "clock_gettime",
  };
  return kNames[static_cast<std::size_t>(call)];
}

}  // namespace spoolq::test
