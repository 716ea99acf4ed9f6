// inotify by descriptor.
#include "queue/os/inotify.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>

#include <cerrno>

namespace spoolq::detail {

int add_watch(int inotify, int directory, const std::string& path, std::uint32_t mask) {
  const std::string link = fmt::format("/proc/self/fd/{}", directory);
  const int watch = ::inotify_add_watch(inotify, link.c_str(), mask);
  if (watch >= 0 || errno != ENOENT) return watch;
  return ::inotify_add_watch(inotify, path.c_str(), mask);
}

}  // namespace spoolq::detail
