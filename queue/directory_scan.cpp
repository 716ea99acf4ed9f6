// Reading a folder with getdents64(2).
#include "queue/directory_scan.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include "queue/throw_error.hpp"
#include "queue/unique_fd.hpp"

namespace spoolq::detail {
namespace {

// One buffer holds some 500 names. A larger one is not faster: the work is in the file system.
constexpr std::size_t kBufferSize = std::size_t{32} * 1024;

/// The record that getdents64(2) describes; its name follows it.
struct Dirent {
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t record_size;
  unsigned char type;
};
constexpr std::size_t kNameOffset = offsetof(Dirent, type) + 1;

}  // namespace

void scan_directory(Sys& sys, int dir, std::string_view path,
                    const std::function<bool(const DirectoryEntry&)>& visit) {
  const SysResult opened = sys.openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  // We have the folder open, so this is not about a wrong path.
  if (opened.error() == ENOENT) throw_errc(errc::not_a_queue, "open", path, "it was removed");
  if (!opened.ok()) throw_errno(opened.error(), "open", path);
  const UniqueFd fd{sys, opened.fd()};
  std::vector<char> buffer(kBufferSize);
  for (;;) {
    const SysResult filled = sys.getdents64(fd.get(), buffer.data(), buffer.size());
    if (filled.error() == ENOENT) {
      throw_errc(errc::not_a_queue, "read folder", path, "it was removed");
    }
    if (!filled.ok()) throw_errno(filled.error(), "read folder", path);
    if (filled.value() == 0) return;
    const auto size = static_cast<std::size_t>(filled.value());
    for (std::size_t position = 0; position < size;) {
      Dirent record;
      std::memcpy(&record, buffer.data() + position, sizeof record);
      const DirectoryEntry entry{
          .name = std::string_view{buffer.data() + position + kNameOffset},
          .inode = record.inode,
          .type = record.type,
      };
      position += record.record_size;
      if (entry.name == "." || entry.name == "..") continue;
      if (!visit(entry)) return;
    }
  }
}

}  // namespace spoolq::detail
