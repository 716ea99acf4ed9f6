// The system calls of inotify(7), and the records that read(2) gives.
#include "queue/os/inotify.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace spoolq::detail {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;
/// The longest single poll(2), whose limit is an int.
constexpr Duration kPollMax{60'000};

}  // namespace

bool polling_is_forced() {
  const char* const value = std::getenv("SPOOLQ_POLL");
  const std::string_view text{value == nullptr ? "" : value};
  return !text.empty() && text != "0";
}

bool Inotify::open() {
  fd_ = UniqueFd{real_sys(), ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
  return is_open();
}

int Inotify::add(int directory, const std::string& path, std::uint32_t mask) const {
  const std::string link = fmt::format("/proc/self/fd/{}", directory);
  const int watch = ::inotify_add_watch(fd_.get(), link.c_str(), mask);
  if (watch >= 0 || errno != ENOENT) return watch;
  return ::inotify_add_watch(fd_.get(), path.c_str(), mask);
}

std::size_t Inotify::queued() const {
  int size = 0;
  return ::ioctl(fd_.get(), FIONREAD, &size) == 0 ? static_cast<std::size_t>(size) : 0;
}

std::size_t Inotify::read(const Visit& visit) const {
  alignas(inotify_event) std::array<char, kBufferSize> buffer;
  const SysResult filled = real_sys().read(fd_.get(), buffer.data(), buffer.size());
  if (!filled.ok()) return 0;
  const auto size = static_cast<std::size_t>(filled.value());
  for (std::size_t position = 0; position < size;) {
    inotify_event record;
    std::memcpy(&record, buffer.data() + position, sizeof record);
    position += sizeof record;
    // The name ends with a null byte, and is padded with more.
    const std::string_view name{record.len > 0 ? buffer.data() + position : ""};
    position += record.len;
    visit({.watch = record.wd, .mask = record.mask, .cookie = record.cookie, .name = name});
  }
  return size;
}

void Inotify::for_each_event(const Visit& visit) const {
  while (read(visit) > 0) {
  }
}

std::chrono::steady_clock::time_point end_of_wait(std::optional<Duration> timeout) {
  const auto now = std::chrono::steady_clock::now();
  constexpr auto kNever = std::chrono::steady_clock::time_point::max();
  if (!timeout || *timeout >= std::chrono::floor<Duration>(kNever - now)) return kNever;
  return now + std::max(*timeout, Duration{0});
}

void wait_for(const Wake& wake, Duration timeout, int fd) {
  std::array<struct pollfd, 2> fds = {{{.fd = wake.descriptor(), .events = POLLIN, .revents = 0},
                                       {.fd = fd, .events = POLLIN, .revents = 0}}};
  const Duration limit = std::clamp(timeout, Duration{0}, kPollMax);
  static_cast<void>(::poll(fds.data(), fds.size(), static_cast<int>(limit.count())));
}

}  // namespace spoolq::detail
