// Locks that the processes of a queue take on its folders, beside those of consumers.
#pragma once

#include <string>

#include "queue/os/fork_guard.hpp"

namespace spoolq::detail {

class OpenQueue;

/// What a lock on a folder means. Each has a folder of its own, so that they do not meet.
enum class FolderLock {
  arrivals,   ///< Bytes of new/: hashes of files that a consumer saw come by rename.
  leader,     ///< All of consumers/, exclusive: the consumer that watches for all.
  followers,  ///< later/: a byte for each consumer that waits; all of it, exclusive: the deputy.
  transfers   ///< Bytes of tmp/: hashes of folders that files are taken from.
};

/// A descriptor for locks of that kind: they belong to what one open() has made. Empty, with the
/// error, when it cannot be opened.
LockFd open_to_lock(OpenQueue& queue, FolderLock lock);

}  // namespace spoolq::detail
