// Moving a message into another queue.
#pragma once

#include "queue/open_queue.hpp"
#include "queue/transitions.hpp"

namespace spoolq::detail {

/// Queue::move for a message that nobody has claimed. False when it is gone: somebody else was
/// first. A copy is durable whatever `sync` says.
bool move_message(OpenQueue& source, const StoredMessage& message, OpenQueue& target,
                  Sync sync = Sync::durable);

}  // namespace spoolq::detail
