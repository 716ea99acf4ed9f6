// Free space and ballast.
#include "queue/store/space.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>

#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"
#include "spoolq/units.hpp"

namespace spoolq::detail {
namespace {
constexpr const char* kBallast = "ballast";
constexpr off_t kBallastSize = off_t{64} * 1024;
constexpr std::uint64_t kInodesMin = 16;
}  // namespace

void require_space(const OpenQueue& queue, std::uint64_t bytes) {
  FileSystemInfo info;
  require(queue.sys().file_system(queue.folders().root(), info), "statfs", queue.path());
  const std::uint64_t min_free = queue.settings()->min_free;
  // Nothing free at all is refused whatever min_free says: what is in the queue needs room to move.
  const std::uint64_t keep = std::max<std::uint64_t>(min_free, 1);
  if (info.free_bytes < keep || info.free_bytes - keep < bytes) {
    throw_errc(errc::queue_full, "put into", queue.path(),
               fmt::format("{} bytes free, min_free is {}, the message needs {}", info.free_bytes,
                           format_size(min_free), bytes));
  }
  if (info.total_inodes != 0 && info.free_inodes < kInodesMin) {
    throw_errc(errc::queue_full, "put into", queue.path(),
               fmt::format("the file system has {} inodes left", info.free_inodes));
  }
}

void make_ballast(Sys& sys, const Folders& folders) {
  const SysResult opened = sys.openat(folders.root(), kBallast,
                                      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (!opened.ok()) return;
  const UniqueFd fd{sys, opened};
  if (!sys.fallocate(fd.get(), kBallastSize).ok()) {
    static_cast<void>(sys.unlinkat(folders.root(), kBallast));
  }
}

bool release_ballast(Sys& sys, const Folders& folders) {
  return sys.unlinkat(folders.root(), kBallast).ok();
}

}  // namespace spoolq::detail
