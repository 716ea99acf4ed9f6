// A file descriptor that closes itself.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <utility>

namespace spoolq::cli {

/// How many bytes of a file are read or written at a time.
inline constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

/// Owns a descriptor. Move-only; empty when moved from.
class File {
 public:
  File() = default;
  explicit File(int fd) : fd_{fd} {}
  File(File&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
  File& operator=(File&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~File() { close(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  /// Closes it now; false with errno when that failed.
  // NOLINTNEXTLINE(modernize-use-nodiscard): a file that was only read has nothing to lose
  bool close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0 || errno == EINTR; }

 private:
  int fd_ = -1;
};

}  // namespace spoolq::cli
