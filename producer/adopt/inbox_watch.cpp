// inotify(7) over a folder.
#include "producer/adopt/inbox_watch.hpp"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace spoolq::detail {
namespace {

constexpr std::uint32_t kMask =
    IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_ONLYDIR | IN_EXCL_UNLINK;
/// The longest single poll(2), whose limit is an int.
constexpr Duration kPollMax{60'000};

void poll_for(std::array<struct pollfd, 2> fds, Duration timeout) {
  const Duration limit = std::clamp(timeout, Duration{0}, kPollMax);
  // Interrupted, or too early: the caller looks again.
  static_cast<void>(::poll(fds.data(), fds.size(), static_cast<int>(limit.count())));
}

}  // namespace

void wait_for(const Wake& wake, Duration timeout) {
  poll_for({{{.fd = wake.descriptor(), .events = POLLIN, .revents = 0},
             {.fd = -1, .events = 0, .revents = 0}}},
           timeout);
}

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

void InboxWatch::wait(Duration timeout) const {
  poll_for({{{.fd = wake_.descriptor(), .events = POLLIN, .revents = 0},
             {.fd = inotify_.descriptor(), .events = POLLIN, .revents = 0}}},  // -1 is passed over.
           timeout);
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
