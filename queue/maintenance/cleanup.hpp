// Making spares and removing what is old, which any living consumer does for all.
#pragma once

#include <cstdint>

#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Makes the spare files and the ballast again that were used up.
void restock(OpenQueue& queue);

/// Removes finished messages older than keep_done; the number of files.
std::uint64_t prune_done(OpenQueue& queue);

}  // namespace spoolq::detail
