// Spares, finished messages.
#include "queue/maintenance/cleanup.hpp"

#include "queue/store/consumer_locks.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/space.hpp"

namespace spoolq::detail {

void restock(OpenQueue& queue) {
  make_spares(queue.sys(), queue.folders(), queue.settings()->file_mode());
  make_ballast(queue.sys(), queue.folders());
}

std::uint64_t prune_done(OpenQueue& queue) {
  const auto keep = queue.settings()->keep_done_for;
  if (!keep) return 0;
  const Time now = queue.now();
  std::uint64_t pruned = 0;
  queue.store().scan(State::done, [&](const StoredMessage& message) {
    struct stat status = {};
    if (!queue.store().stat(message.at, status).ok()) return true;
    // The rename into done/ set the time of change.
    if (now - time_of(status.st_ctim) < *keep) return true;
    if (queue.store().try_remove(message.at)) ++pruned;
    return true;
  });
  return pruned;
}

}  // namespace spoolq::detail
