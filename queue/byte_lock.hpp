// Locks on single bytes of a folder, by which processes tell each other what is not on disk.
#pragma once

#include <fcntl.h>

#include <cstdint>

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

}  // namespace spoolq::detail
