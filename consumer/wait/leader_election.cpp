// Locks on folders.
#include "consumer/wait/leader_election.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <charconv>
#include <random>

#include "queue/os/byte_lock.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/folder_locks.hpp"

namespace spoolq::detail {
namespace {

/// The place of a follower is its name without the lowest bit, so that it fits a file offset.
std::int64_t place_of(const std::string& consumer) {
  std::uint64_t number = 0;
  std::from_chars(consumer.data(), consumer.data() + consumer.size(), number, 16);
  return static_cast<std::int64_t>(number >> 1U);
}

std::int64_t random_place() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return static_cast<std::int64_t>(random() >> 1U);
}

}  // namespace

LeaderElection::LeaderElection(OpenQueue& queue, std::string consumer,
                               std::function<void()> before_end)
    : queue_{queue},
      consumer_{std::move(consumer)},
      before_end_{std::move(before_end)},
      fd_{open_to_lock(queue, FolderLock::leader)},
      own_file_{open_consumer_file(queue, consumer_)},
      deputy_fd_{open_to_lock(queue, FolderLock::followers)} {}

bool LeaderElection::lead_or_follow() {
  if (leading_) return true;
  // Where this does not work, every consumer leads.
  if (fd_.get() < 0 || deputy_fd_.get() < 0) return true;
  // First a follower, then the question: a leader that ends in between sees us, or we it.
  struct flock lock = byte_lock(F_RDLCK, place_of(consumer_), 1);
  if (::fcntl(deputy_fd_.get(), F_OFD_SETLK, &lock) != 0) return true;
  if (!try_lead()) return false;
  leave();
  return true;
}

bool LeaderElection::try_lead() {
  if (!leading_ && fd_.get() >= 0) {
    leading_ = queue_.sys().flock(fd_.get(), LOCK_EX | LOCK_NB).ok();
  }
  return leading_;
}

bool LeaderElection::try_to_be_deputy() {
  return deputy_fd_.get() < 0 || queue_.sys().flock(deputy_fd_.get(), LOCK_EX | LOCK_NB).ok();
}

void LeaderElection::leave() {
  if (deputy_fd_.get() < 0) return;
  static_cast<void>(queue_.sys().flock(deputy_fd_.get(), LOCK_UN));
  struct flock lock = byte_lock(F_UNLCK, 0, 0);
  static_cast<void>(::fcntl(deputy_fd_.get(), F_OFD_SETLK, &lock));
}

void LeaderElection::hand_on() {
  if (!leading_ || process_.foreign()) return;
  if (before_end_) before_end_();
  leading_ = false;
  static_cast<void>(queue_.sys().flock(fd_.get(), LOCK_UN));
  // At random, so that one that is stopped is not asked for ever.
  std::int64_t place = find_follower(random_place());
  if (place < 0) place = find_follower(0);
  if (place >= 0) wake(place);
}

std::int64_t LeaderElection::find_follower(std::int64_t start) const {
  std::int64_t found = -1;
  // The kernel tells of the lock that is the oldest, which the one of a stopped follower always is
  // in the end. So we ask for one nearer to `start` until there is none. Length 0 is to the end.
  for (std::int64_t length = 0; found != start; length = found - start) {
    struct flock lock = byte_lock(F_WRLCK, start, length);
    if (::fcntl(deputy_fd_.get(), F_OFD_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) break;
    found = lock.l_start;
  }
  return found;
}

void LeaderElection::wake(std::int64_t place) {
  for (const std::uint64_t low : {0U, 1U}) {
    wake_consumer(queue_, fmt::format("{:016x}", (static_cast<std::uint64_t>(place) << 1U) | low));
  }
}

}  // namespace spoolq::detail
