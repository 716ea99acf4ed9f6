// Telling the other consumers which files were seen to come by rename.
//
// Only the leader sees how a foreign file came. When it goes to work, the next consumer finds the
// other files that came with it by reading the folder, and would let them settle.
// So what it has seen is told by locks, as leadership is (leader_election.hpp): a read lock on one
// byte of new/, whose place is a hash of the file's inode number and time of change. Nothing of it
// is on disk, and a file that has changed since has another place.
#pragma once

#include <sys/stat.h>

#include "queue/os/fork_guard.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// One consumer's part in it. Where locks are not to be had nothing is told, and files settle. One
/// thread.
class Arrivals {
 public:
  explicit Arrivals(OpenQueue& queue);

  /// Tells that this file of new/ came by rename.
  void tell(const std::string& file);
  /// Whether another consumer tells that of a file with this status.
  [[nodiscard]] bool is_told(const struct stat& status) const;
  /// Tells nothing any more.
  void forget();

 private:
  OpenQueue& queue_;
  LockFd fd_;
  bool tells_ = false;
};

}  // namespace spoolq::detail
