// Ends a poll(2) from another thread or a signal handler.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {

/// An eventfd(2): readable from set() to clear().
class Wake {
 public:
  Wake() : fd_{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)} {
    if (fd_ < 0) throw_errno(errno, "make", "descriptor to wait on");
  }
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;
  ~Wake() { ::close(fd_); }

  [[nodiscard]] int descriptor() const { return fd_; }
  void set() const noexcept {
    const int error = errno;  // This may be a signal handler.
    const std::uint64_t one = 1;
    static_cast<void>(::write(fd_, &one, sizeof one));  // Fails only where it is set.
    errno = error;
  }
  /// Whether it was set since the last time.
  [[nodiscard]] bool clear() const noexcept {
    std::uint64_t count = 0;
    return ::read(fd_, &count, sizeof count) > 0;
  }

 private:
  int fd_;
};

}  // namespace spoolq::detail
