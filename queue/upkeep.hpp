// What any living consumer does for all: moving due messages, taking back the claims of the dead,
// removing what dead writers left. Each step is a rename or unlink with one winner, so any number
// of processes may do this at the same time.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "queue/open_queue.hpp"
#include "queue/transitions.hpp"

namespace spoolq::detail {

struct DueResult {
  std::uint64_t moved = 0;
  std::optional<Time> next;  ///< The earliest due time that is still to come.
};
/// later/ → new/ for every message whose time has come.
DueResult move_due(OpenQueue& queue);

/// new/ → failed/ for every message whose time to live is over; the number of messages. Consumers
/// do this when they meet one; durable when it returns.
std::uint64_t expire_ready(OpenQueue& queue);

struct TakenBack {
  std::uint64_t returned = 0;
  std::uint64_t failed = 0;
  std::optional<Time> next_lease_end;  ///< The earliest end of a detached claim still to come.
};
/// Ends the claims of dead consumers and of detached claims whose lease is over; durable when it
/// returns. `self`, a living consumer of this process, is not asked about.
TakenBack reap(OpenQueue& queue, std::string_view self = {});

/// Removes from tmp/ what dead writers left; the number of files.
std::uint64_t sweep(OpenQueue& queue);

/// Makes the spare files and the ballast again that were used up.
void restock(OpenQueue& queue);

/// Removes finished messages older than keep_done; the number of files.
std::uint64_t prune_done(OpenQueue& queue);

/// After a claim whose file has more than one link: removes its other names in this queue's
/// folders, which a crash on a file system that splits renames, or a hard link, left behind. Claims
/// of living consumers and names in other places are not touched.
void drop_other_names(OpenQueue& queue, const StoredMessage& message);

}  // namespace spoolq::detail
