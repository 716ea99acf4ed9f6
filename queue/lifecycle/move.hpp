// Moving a message into another queue.
#pragma once

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Queue::move for a message that nobody has claimed. False when it is gone: somebody else was
/// first. A copy is durable whatever `sync` says. Throws EAGAIN for a file that is still being
/// written, errc::claim_lost when the message is in the target and another process took it here
/// meanwhile.
bool move_message(OpenQueue& source, const StoredMessage& message, OpenQueue& target,
                  Sync sync = Sync::durable);

/// Claim::move: the end of a claimed message here, which is ready there, with no attempt and no
/// reason. Durable when it returns. During a copy no lease ends the claim. After an error the
/// message has the claim that it had. Throws errc::claim_lost, and as move_message().
void hand_over(OpenQueue& source, const StoredMessage& message, OpenQueue& target);

}  // namespace spoolq::detail
