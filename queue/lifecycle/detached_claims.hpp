// Detached claims: found by receipt or id, finished by whoever holds the receipt.
#pragma once

#include <string_view>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::detail {

/// Queue::held_claim.
HeldClaim find_held_claim(OpenQueue& queue, std::string_view reference);
/// Queue::extend.
HeldClaim extend_claim(OpenQueue& queue, const HeldClaim& claim, Duration lease);
/// The claim as it is called now. A lease that was prolonged since changed the name but not the
/// claim's token. Throws errc::claim_lost.
StoredMessage current_claim(OpenQueue& queue, const HeldClaim& claim);

}  // namespace spoolq::detail
