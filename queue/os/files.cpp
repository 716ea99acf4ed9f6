// Reading and writing until all is done.
#include "queue/os/files.hpp"

#include <fcntl.h>

#include <cerrno>

#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"

namespace spoolq::detail {
namespace {
constexpr std::size_t kWholeFileMax = std::size_t{1} << 20;
}

void write_all(Sys& sys, int fd, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const SysResult written = sys.write(fd, bytes.data(), bytes.size());
    if (!written.ok()) throw_errno(written.error(), "write", path);
    if (written.value() == 0) throw_errno(EIO, "write", path, "nothing was written");
    bytes.remove_prefix(static_cast<std::size_t>(written.value()));
  }
}

std::optional<std::string> read_whole_file(Sys& sys, int dir, const char* name,
                                           std::string_view path) {
  const SysResult opened = sys.openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!opened.ok()) {
    if (opened.error() == ENOENT) return std::nullopt;
    throw_errno(opened.error(), "open", path);
  }
  const UniqueFd fd{sys, opened.fd()};
  std::string content;
  for (;;) {
    char buffer[4096];
    const SysResult got = sys.read(fd.get(), buffer, sizeof buffer);
    if (!got.ok()) throw_errno(got.error(), "read", path);
    if (got.value() == 0) return content;
    content.append(buffer, static_cast<std::size_t>(got.value()));
    if (content.size() > kWholeFileMax) throw_errno(EFBIG, "read", path);
  }
}

}  // namespace spoolq::detail
