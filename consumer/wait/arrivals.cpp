// Locks on new/.
#include "consumer/wait/arrivals.hpp"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <xxhash.h>

#include "queue/os/byte_lock.hpp"
#include "queue/store/folder_locks.hpp"

namespace spoolq::detail {
namespace {

/// Where the lock of a file is. Without the lowest bit, so that it fits a file offset.
std::int64_t place_of(const struct stat& status) {
  const std::array<std::uint64_t, 3> known = {status.st_ino,
                                              static_cast<std::uint64_t>(status.st_ctim.tv_sec),
                                              static_cast<std::uint64_t>(status.st_ctim.tv_nsec)};
  return static_cast<std::int64_t>(XXH3_64bits(known.data(), sizeof known) >> 1U);
}

}  // namespace

Arrivals::Arrivals(OpenQueue& queue)
    : queue_{queue}, fd_{open_to_lock(queue, FolderLock::arrivals)} {}

void Arrivals::tell(const std::string& file) {
  struct stat status = {};
  if (fd_.get() < 0) return;
  if (!queue_.store().stat(Store::place(State::ready, file), status).ok()) return;
  tells_ = queue_.sys().lock_byte(fd_.get(), F_RDLCK, place_of(status)).ok() || tells_;
}

bool Arrivals::is_told(const struct stat& status) const {
  return fd_.get() >= 0 && queue_.sys().is_byte_locked(fd_.get(), place_of(status)).value() == 1;
}

void Arrivals::forget() {
  if (!tells_) return;
  struct flock all = byte_lock(F_UNLCK, 0, 0);
  static_cast<void>(::fcntl(fd_.get(), F_OFD_SETLK, &all));
  tells_ = false;
}

}  // namespace spoolq::detail
