// A file descriptor that closes itself.
#pragma once

#include <utility>

#include "queue/os/sys.hpp"

namespace spoolq::detail {

/// Owns a descriptor of `sys`. Move-only; empty when moved from.
class UniqueFd {
 public:
  UniqueFd() = default;
  UniqueFd(Sys& sys, int fd) : sys_{&sys}, fd_{fd} {}
  /// What a call opened; empty when it failed.
  UniqueFd(Sys& sys, const SysResult& opened) : sys_{&sys}, fd_{opened.ok() ? opened.fd() : -1} {}
  UniqueFd(UniqueFd&& other) noexcept
      : sys_{std::exchange(other.sys_, nullptr)}, fd_{std::exchange(other.fd_, -1)} {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
      reset();
      sys_ = std::exchange(other.sys_, nullptr);
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  /// Closes now. What close() says does not matter for descriptors that were synced or only read.
  void reset() {
    if (fd_ >= 0) static_cast<void>(sys_->close(std::exchange(fd_, -1)));
  }
  /// Gives the descriptor away, or forgets it.
  int release() { return std::exchange(fd_, -1); }

 private:
  Sys* sys_ = nullptr;
  int fd_ = -1;
};

}  // namespace spoolq::detail
