// Small files read and written in one piece, and the loops around write(2) and read(2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "queue/os/sys.hpp"

namespace spoolq::detail {

/// Writes all of `bytes`, however the kernel cuts it. Throws Error.
void write_all(Sys& sys, int fd, std::string_view bytes, std::string_view path);

/// The content of a regular file below `dir`, or nullopt when there is no such name. Throws Error,
/// EFBIG for more than a megabyte.
std::optional<std::string> read_whole_file(Sys& sys, int dir, const char* name,
                                           std::string_view path);

}  // namespace spoolq::detail
