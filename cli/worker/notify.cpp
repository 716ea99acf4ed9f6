// Telling the service manager how the worker is.
#include "cli/worker/notify.hpp"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <limits>

#include "cli/output/print.hpp"
#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

/// WATCHDOG_USEC, where it is meant for this process.
std::optional<Duration> watchdog_of_environment() {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const auto microseconds = parse_number(environment("WATCHDOG_USEC"), kMax);
  if (!microseconds || *microseconds == 0) return std::nullopt;
  const std::string_view process = environment("WATCHDOG_PID");
  if (!process.empty() && process != std::to_string(::getpid())) return std::nullopt;
  const auto half = static_cast<std::int64_t>(*microseconds / 2000);
  return Duration{std::max<std::int64_t>(half, 1)};
}

}  // namespace

Notify::Notify() : address_{environment("NOTIFY_SOCKET")} {
  const bool possible = address_.size() > 1 && (address_[0] == '/' || address_[0] == '@') &&
                        address_.size() < sizeof(sockaddr_un::sun_path);
  if (!possible) return;
  socket_ = File{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (address_[0] == '@') address_[0] = '\0';  // The abstract namespace.
  watchdog_ = watchdog_of_environment();
}

void Notify::status(std::string_view text) const { send(fmt::format("STATUS={}", text)); }

void Notify::send(std::string_view text) const {
  if (!socket_) return;
  struct sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::ranges::copy(address_, std::begin(address.sun_path));
  const auto length =
      static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + address_.size());
  // The general form of an address has this type.
  const auto* const general = reinterpret_cast<const struct sockaddr*>(&address);
  static_cast<void>(::sendto(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                             general, length));
}

}  // namespace spoolq::cli
