// Reading inotify(7) events, and waiting for them.
#pragma once

#include <sys/inotify.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "queue/os/unique_fd.hpp"
#include "queue/os/wake.hpp"
#include "spoolq/message.hpp"

namespace spoolq::detail {

/// Whether inotify must not be used: SPOOLQ_POLL is set in the environment, and neither empty
/// nor 0. Some folders need that, such as those that a virtual machine or a container shares with
/// its host: inotify works there, but misses the changes that the host makes.
bool polling_is_forced();

/// One event, valid during the visit. `mask` holds the IN_* bits.
struct InotifyEvent {
  int watch = -1;
  std::uint32_t mask = 0;
  std::uint32_t cookie = 0;  ///< Joins the two events of a rename.
  std::string_view name;     ///< Empty if the event is about the watched file itself.

  /// The kernel dropped events after this one: only a scan can tell what happened.
  [[nodiscard]] bool overflow() const { return (mask & IN_Q_OVERFLOW) != 0; }
  [[nodiscard]] bool is_directory() const { return (mask & IN_ISDIR) != 0; }
};

/// An inotify descriptor, non-blocking and close-on-exec. One thread.
class Inotify {
 public:
  using Visit = std::function<void(const InotifyEvent&)>;

  /// False with errno if the kernel gives no descriptor.
  bool open();
  void close() { fd_.reset(); }
  [[nodiscard]] bool is_open() const { return static_cast<bool>(fd_); }
  /// The descriptor, readable when there are events; -1 unless open.
  [[nodiscard]] int descriptor() const { return fd_.get(); }

  /// Watches the folder that `directory` has open, whatever its path is now. `path` is used only
  /// where there is no /proc. Returns the watch, or -1 with errno.
  [[nodiscard]] int add(int directory, const std::string& path, std::uint32_t mask) const;

  /// How many bytes of events are queued now.
  [[nodiscard]] std::size_t queued() const;
  /// Visits the events of one read(2). Returns their size in bytes, 0 if there was none.
  [[nodiscard]] std::size_t read(const Visit& visit) const;
  /// Visits all events, until none is queued. Never waits.
  void for_each_event(const Visit& visit) const;

 private:
  UniqueFd fd_;
};

/// When a wait of `timeout` that begins now ends. Never, for none and for longer than a clock runs.
std::chrono::steady_clock::time_point end_of_wait(std::optional<Duration> timeout);

/// Sleeps until `wake` is set, `fd` is readable, or `timeout` is over. May return early. With -1
/// there is only `wake`.
void wait_for(const Wake& wake, Duration timeout, int fd = -1);

}  // namespace spoolq::detail
