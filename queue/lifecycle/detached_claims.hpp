// Detached claims: found by receipt or id, finished by whoever holds the receipt.
#pragma once

#include <string_view>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::detail {

/// Queue::detached_claim.
MessageInfo find_detached_claim(OpenQueue& queue, std::string_view reference);
/// DetachedClaim::extend: the claim as it is called then.
MessageInfo extend_claim(OpenQueue& queue, const MessageInfo& claim, Duration lease);
/// The claim as it is called now. A lease that was prolonged since changed the name but not the
/// claim's token. Throws errc::claim_lost.
StoredMessage current_claim(OpenQueue& queue, const MessageInfo& claim);

}  // namespace spoolq::detail
