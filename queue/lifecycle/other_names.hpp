// Dropping the other names of a message's file.
#pragma once

#include <sys/types.h>

#include "queue/store/open_queue.hpp"
#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

/// Drops the other names of the same message (the same inode and id) as `kept`. Each is seized
/// first, and removed only while `kept` still is there; otherwise it goes back. True when a name is
/// left that holds the message: the claim of a living consumer, or a detached one. Other ids and
/// names outside of this queue are not touched. To be called for a file with more than one link.
bool drop_other_names(OpenQueue& queue, const StoredMessage& kept, ino_t inode);
/// The same, after a look at the number of links.
bool drop_other_names(OpenQueue& queue, const StoredMessage& kept);

}  // namespace spoolq::detail
