// Reading a folder with getdents64(2).
#include "queue/os/directory_scan.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"

namespace spoolq::detail {
namespace {

// One buffer holds some 500 names. A larger one is not faster: the work is in the file system.
constexpr std::size_t kBufferSize = std::size_t{32} * 1024;

static_assert(offsetof(Dirent, type) + 1 == Dirent::kNameOffset);

}  // namespace

void scan_directory(Sys& sys, int dir, std::string_view path,
                    const std::function<bool(const DirectoryEntry&)>& visit) {
  const SysResult opened = sys.openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // We have the folder open, so this is not about a wrong path.
  if (opened.error() == ENOENT) throw_errc(errc::not_a_queue, "open", path, "it was removed");
  require(opened, "open", path);
  const UniqueFd fd{sys, opened};
  std::vector<char> buffer(kBufferSize);
  const SysResult visited = visit_entries(sys, fd.get(), buffer, visit);
  if (visited.error() == ENOENT) {
    throw_errc(errc::not_a_queue, "read folder", path, "it was removed");
  }
  require(visited, "read folder", path);
}

}  // namespace spoolq::detail
