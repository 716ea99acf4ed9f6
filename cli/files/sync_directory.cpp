#include "cli/files/sync_directory.hpp"

#include <linux/magic.h>
#include <sys/statfs.h>
#include <unistd.h>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

namespace spoolq::cli {

bool sync_directory(int fd) {
  struct statfs status{};
  if (::fstatfs(fd, &status) != 0) return false;
  if (status.f_type == EXT4_SUPER_MAGIC || status.f_type == XFS_SUPER_MAGIC) {
    return ::fsync(fd) == 0;
  }
  return ::syncfs(fd) == 0;
}

}  // namespace spoolq::cli
