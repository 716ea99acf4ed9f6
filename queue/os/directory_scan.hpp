// Reading a folder's entries in one pass, in constant memory.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string_view>

#include "queue/os/sys.hpp"

namespace spoolq::detail {

/// The record that getdents64(2) describes; its name follows the type.
struct Dirent {
  static constexpr std::size_t kNameOffset = 19;
  std::uint64_t inode;
  std::int64_t offset;
  std::uint16_t record_size;
  unsigned char type;
};

/// One entry of a folder, valid during the visit.
struct DirectoryEntry {
  std::string_view name;
  std::uint64_t inode = 0;
  unsigned char type = 0;  ///< DT_REG, DT_DIR, … or DT_UNKNOWN where the file system does not say.

  [[nodiscard]] bool may_be_regular() const { return type == DT_REG || type == DT_UNKNOWN; }
};

/// Visits every entry but "." and ".." through `fd`, which was opened to be read from here on.
/// Allocates nothing, so it may be called in a forked child. The visitor returns false to stop.
template <typename Visit>
SysResult visit_entries(Sys& sys, int fd, std::span<char> buffer, const Visit& visit) {
  for (;;) {
    const SysResult filled = sys.getdents64(fd, buffer.data(), buffer.size());
    if (!filled.ok() || filled.value() == 0) return filled;
    const auto size = static_cast<std::size_t>(filled.value());
    for (std::size_t position = 0; position < size;) {
      Dirent record;
      std::memcpy(&record, buffer.data() + position, sizeof record);
      const DirectoryEntry entry{
          .name = std::string_view{buffer.data() + position + Dirent::kNameOffset},
          .inode = record.inode,
          .type = record.type,
      };
      position += record.record_size;
      if (entry.name == "." || entry.name == "..") continue;
      if (!visit(entry)) return SysResult::success();
    }
  }
}

/// Visits every entry but "." and "..", through a descriptor of its own, so that several scans of a
/// folder do not share a position. The visitor returns false to stop. An entry that nobody touches
/// during the scan is visited exactly once; one that is renamed or removed meanwhile may be seen or
/// not (POSIX readdir), so "empty" is only true of what was not moving. Throws Error.
void scan_directory(Sys& sys, int dir, std::string_view path,
                    const std::function<bool(const DirectoryEntry&)>& visit);

}  // namespace spoolq::detail
