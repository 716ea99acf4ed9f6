// Telling the service manager how the worker is: sd_notify(3), without its library.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/files/file.hpp"
#include "spoolq/message.hpp"

namespace spoolq::cli {

/// Says nothing where NOTIFY_SOCKET is not set. Any thread. What cannot be sent is lost: the
/// service manager draws its own conclusions.
class Notify {
 public:
  Notify();

  void ready() const { send("READY=1"); }
  void stopping() const { send("STOPPING=1"); }
  void alive() const { send("WATCHDOG=1"); }
  void status(std::string_view text) const;

  /// How often alive() is expected to be called, half of the time after which we would be taken
  /// for dead; empty: the manager does not watch.
  [[nodiscard]] std::optional<Duration> watchdog() const { return watchdog_; }
  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(socket_); }

 private:
  void send(std::string_view text) const;

  std::string address_;
  File socket_;
  std::optional<Duration> watchdog_;
};

}  // namespace spoolq::cli
