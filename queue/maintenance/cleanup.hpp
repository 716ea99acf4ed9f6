// Removing what dead writers left, and making spares, which any living consumer does for all.
#pragma once

#include <cstdint>

#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Removes from tmp/ what dead writers left; the number of files.
std::uint64_t sweep(OpenQueue& queue);

/// Makes the spare files and the ballast again that were used up.
void restock(OpenQueue& queue);

/// Removes finished messages older than keep_done; the number of files.
std::uint64_t prune_done(OpenQueue& queue);

}  // namespace spoolq::detail
