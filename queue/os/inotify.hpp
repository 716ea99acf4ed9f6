// Adding a folder that is open to an inotify(7) descriptor.
#pragma once

#include <cstdint>
#include <string>

namespace spoolq::detail {

/// Watches the folder that `directory` has open, whatever its path is now; by its path only where
/// there is no /proc. Returns the watch descriptor, or -1 with errno.
int add_watch(int inotify, int directory, const std::string& path, std::uint32_t mask);

}  // namespace spoolq::detail
