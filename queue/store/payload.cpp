// Reading and verifying.
#include "queue/store/payload.hpp"

#include <fmt/core.h>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {

std::size_t PayloadReader::read(Sys& sys, std::span<std::byte> buffer, const std::string& path) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const int got =
        require(sys.read(fd_.get(), buffer.data() + filled, buffer.size() - filled), "read", path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  if (checksum_) sum_.update({reinterpret_cast<const char*>(buffer.data()), filled});
  read_ += filled;
  return filled;
}

std::optional<std::string> PayloadReader::mismatch() const {
  if (size_ && *size_ != read_) {
    return fmt::format("it has {} bytes, its name says {}", read_, *size_);
  }
  if (checksum_ && *checksum_ != sum_.value()) {
    return fmt::format("its checksum is {:016x}, its name says {:016x}", sum_.value(), *checksum_);
  }
  return std::nullopt;
}

}  // namespace spoolq::detail
