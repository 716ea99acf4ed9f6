// Room on the disk: what a put may use, and the ballast that a full disk can be given.
#pragma once

#include "queue/store/folders.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Throws errc::queue_full when the file system would have less free than min_free with `bytes`
/// more in it, or has hardly an inode.
void require_space(const OpenQueue& queue, std::uint64_t bytes);

/// Makes the file `ballast` in the queue's directory when it is missing. On a full disk it stays
/// missing: it is a help, not a condition.
void make_ballast(Sys& sys, const Folders& folders);
/// Removes it, so that a rename can get its directory block. False when there was none.
bool release_ballast(Sys& sys, const Folders& folders);

}  // namespace spoolq::detail
