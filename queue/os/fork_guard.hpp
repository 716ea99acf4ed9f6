// What a forked child must not do with what it inherited.
//
// fork(2) copies descriptors, and a flock lives as long as any copy: without care, a child that
// outlives its parent holds the dead parent's claims for ever. So in the child every lock's
// descriptor is closed (closing a copy does not unlock), and every object made before is foreign.
#pragma once

#include <functional>

#include "queue/os/sys.hpp"

namespace spoolq::detail {

/// Remembers which process made an object.
class ProcessMark {
 public:
  ProcessMark() noexcept;
  /// True in a child forked after this was made.
  [[nodiscard]] bool foreign() const noexcept;
  /// Throws errc::foreign_process when foreign.
  void require_own(const char* operation, const char* path) const;

 private:
  unsigned generation_;
};

/// A descriptor that carries, or will carry, a flock. A forked child closes its copy at once.
class LockFd {
 public:
  LockFd() = default;
  /// Takes the descriptor that `open` opens; no fork can come between the two. When `open` fails
  /// the LockFd is empty and error() says why.
  LockFd(Sys& sys, const std::function<SysResult()>& open);
  LockFd(LockFd&& other) noexcept;
  LockFd& operator=(LockFd&& other) noexcept;
  /// Closes the descriptor, which drops the lock. In a forked child nothing happens: it is closed
  /// already, and its number may be another file's by now.
  ~LockFd();

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int error() const { return error_; }

 private:
  void close() noexcept;

  Sys* sys_ = nullptr;
  int fd_ = -1;
  int error_ = 0;
  ProcessMark process_;
};

}  // namespace spoolq::detail
