// Locks on single bytes of a folder, by which processes tell each other what is not on disk.
#pragma once

#include <fcntl.h>

#include <charconv>
#include <cstdint>
#include <string_view>

namespace spoolq::detail {

/// For F_OFD_SETLK and F_OFD_GETLK (fcntl_locking(2)); a length of 0 is to the end.
inline struct flock byte_lock(short type, std::int64_t place, std::int64_t length) {
  struct flock lock = {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = place;
  lock.l_len = length;
  return lock;
}

/// The byte of consumers/ that proves that the consumer of that name lives: its 16 hex digits
/// without the highest bit, so that it fits a file offset.
inline std::int64_t byte_of_consumer(std::string_view consumer) {
  constexpr int kHex = 16;
  std::uint64_t number = 0;
  std::from_chars(consumer.data(), consumer.data() + consumer.size(), number, kHex);
  return static_cast<std::int64_t>((number << 1U) >> 1U);
}

}  // namespace spoolq::detail
