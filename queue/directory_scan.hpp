// Reading a folder's entries in one pass, in constant memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "queue/sys.hpp"

namespace spoolq::detail {

/// One entry of a folder, valid during the visit.
struct DirectoryEntry {
  std::string_view name;
  std::uint64_t inode = 0;
  unsigned char type = 0;  ///< DT_REG, DT_DIR, … or DT_UNKNOWN where the file system does not say.
};

/// Visits every entry but "." and "..", through a descriptor of its own, so that several scans of a
/// folder do not share a position. The visitor returns false to stop. An entry that nobody touches
/// during the scan is visited exactly once; one that is renamed or removed meanwhile may be seen or
/// not (POSIX readdir), so "empty" is only true of what was not moving. Throws Error.
void scan_directory(Sys& sys, int dir, std::string_view path,
                    const std::function<bool(const DirectoryEntry&)>& visit);

}  // namespace spoolq::detail
