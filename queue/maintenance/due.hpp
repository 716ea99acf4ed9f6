// Moving messages whose time has come or is over, which any living consumer does for all.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

struct DueResult {
  std::uint64_t moved = 0;
  std::uint64_t left = 0;    ///< Could not be moved.
  std::optional<Time> next;  ///< The earliest due time that is still to come.
};
/// later/ → new/ for every message whose time has come. `visit` is called for each of the others.
DueResult move_due(OpenQueue& queue, const std::function<void(const StoredMessage&)>& visit = {});
/// The same of one message, in addition to `result`. Does nothing when it is gone.
void move_one_due(OpenQueue& queue, const StoredMessage& message, DueResult& result);

/// new/ → failed/ for every message whose time to live is over; the number of messages. Consumers
/// do this when they meet one; durable when it returns.
std::uint64_t expire_ready(OpenQueue& queue);

}  // namespace spoolq::detail
