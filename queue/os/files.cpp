// Opening, reading and writing until all is done.
#include "queue/os/files.hpp"

#include <fcntl.h>

#include <array>
#include <cerrno>

#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"

namespace spoolq::detail {
namespace {

constexpr std::size_t kWholeFileMax = std::size_t{1} << 20;
constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

}  // namespace

struct stat stat_file(Sys& sys, int fd, std::string_view path) {
  struct stat status = {};
  require(sys.fstat(fd, status), "stat", path);
  return status;
}

bool is_same_file(const struct stat& one, const struct stat& two) {
  return one.st_ino == two.st_ino && one.st_dev == two.st_dev;
}

bool is_same_file(Sys& sys, int one_dir, const std::string& one, int two_dir,
                  const std::string& two) {
  struct stat first = {};
  struct stat second = {};
  return sys.fstatat(one_dir, one.c_str(), first).ok() &&
         sys.fstatat(two_dir, two.c_str(), second).ok() && is_same_file(first, second);
}

UniqueFd open_below(Sys& sys, int dir, const std::string& name, std::string_view path) {
  return UniqueFd{sys, require(sys.openat(dir, name.c_str(), kDirectoryFlags), "open", path)};
}

UniqueFd try_open_below(Sys& sys, int dir, const std::string& name, std::string_view path) {
  const SysResult opened = sys.openat(dir, name.c_str(), kDirectoryFlags);
  if (!opened.ok() && opened.error() != ENOENT) throw_errno(opened.error(), "open", path);
  return UniqueFd{sys, opened};
}

void read_all(Sys& sys, int fd, std::string_view path,
              const std::function<void(std::string_view)>& sink) {
  std::array<char, kBufferSize> buffer;
  while (true) {
    const int got = require(sys.read(fd, buffer.data(), buffer.size()), "read", path);
    if (got == 0) return;
    sink({buffer.data(), static_cast<std::size_t>(got)});
  }
}

void write_all(Sys& sys, int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const int written = require(sys.write(fd, bytes.data(), bytes.size()), "write", path);
    if (written == 0) throw_errno(EIO, "write", path, "nothing was written");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

std::optional<std::string> read_whole_file(Sys& sys, int dir, const char* name,
                                           std::string_view path) {
  const SysResult opened = sys.openat(dir, name, kReadFlags);
  if (!opened.ok()) {
    if (opened.error() == ENOENT) return std::nullopt;
    throw_errno(opened.error(), "open", path);
  }
  const UniqueFd fd{sys, opened};
  std::string content;
  read_all(sys, fd.get(), path, [&](std::string_view bytes) {
    content += bytes;
    if (content.size() > kWholeFileMax) throw_errno(EFBIG, "read", path);
  });
  return content;
}

}  // namespace spoolq::detail
