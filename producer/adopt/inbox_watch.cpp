// inotify(7) over a folder.
#include "producer/adopt/inbox_watch.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <cstring>

namespace spoolq::detail {
namespace {

constexpr std::uint32_t kMask =
    IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_ONLYDIR | IN_EXCL_UNLINK;

}  // namespace

InboxWatch::InboxWatch(OpenQueue& queue, int directory, const std::string& path, const Wake& wake)
    : wake_{wake} {
  FileSystemInfo file_system;
  const bool known = queue.sys().file_system(directory, file_system).ok();
  if (!known || is_distant(file_system) || polling_is_forced()) return;
  if (inotify_.open() && inotify_.add(directory, path, kMask) >= 0) return;
  queue.log(LogLevel::warning,
            fmt::format("cannot watch ({}); looking at intervals instead", std::strerror(errno)));
  inotify_.close();
}

std::optional<std::vector<InboxEvent>> InboxWatch::collect() const {
  std::vector<InboxEvent> events;
  if (!watching()) return events;
  bool overflow = false;
  inotify_.for_each_event([&](const InotifyEvent& event) {
    overflow = overflow || event.overflow();
    if (event.name.empty() || event.is_directory()) return;
    InboxEvent& seen = events.emplace_back();
    seen.file = event.name;
    if ((event.mask & IN_MOVED_TO) != 0) seen.kind = InboxEvent::Kind::renamed;
    if ((event.mask & IN_CLOSE_WRITE) != 0) seen.kind = InboxEvent::Kind::closed;
  });
  if (overflow) return std::nullopt;
  return events;
}

}  // namespace spoolq::detail
