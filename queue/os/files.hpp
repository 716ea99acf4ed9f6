// Calls on files whose failure is an exception, and the loops around write(2) and read(2).
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "queue/os/sys.hpp"
#include "queue/os/unique_fd.hpp"

namespace spoolq::detail {

/// How a file is opened to be read: without following links or waiting for a FIFO's writer.
constexpr int kReadFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// fstat(2). Throws Error.
struct stat stat_file(Sys& sys, int fd, std::string_view path);
bool is_same_file(const struct stat& one, const struct stat& two);
/// Whether two names below descriptors are one file. False when one of them is gone.
bool is_same_file(Sys& sys, int one_dir, const std::string& one, int two_dir,
                  const std::string& two);

/// The directory `name` below `dir`. Throws Error.
UniqueFd open_below(Sys& sys, int dir, const std::string& name, std::string_view path);
/// The same; empty when there is no such name.
UniqueFd try_open_below(Sys& sys, int dir, const std::string& name, std::string_view path);

/// Gives the bytes of a file from where it is read now to its end to `sink`. Throws Error, and what
/// `sink` throws.
void read_all(Sys& sys, int fd, std::string_view path,
              const std::function<void(std::string_view)>& sink);

/// Writes all of `bytes`, however the kernel cuts it. Throws Error.
void write_all(Sys& sys, int fd, std::string_view bytes, std::string_view path);

/// The content of a regular file below `dir`, or nullopt when there is no such name. Throws Error,
/// EFBIG for more than a megabyte.
std::optional<std::string> read_whole_file(Sys& sys, int dir, const char* name,
                                           std::string_view path);

}  // namespace spoolq::detail
