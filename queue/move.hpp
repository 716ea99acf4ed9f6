// Moving a message into another queue.
#pragma once

#include "queue/open_queue.hpp"
#include "queue/transitions.hpp"

namespace spoolq::detail {

/// Queue::move for a message that nobody has claimed. False when it is gone: somebody else was
/// first.
bool move_message(OpenQueue& source, const StoredMessage& message, OpenQueue& target);

}  // namespace spoolq::detail
