// What can be watched of a queue by inotify.
#pragma once

#include <cstdint>

#include "queue/os/inotify.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

// Each returns the watch, or -1 with errno, and follows the open folder wherever it is renamed to.

/// The folder of the messages in `state`.
[[nodiscard]] int watch_messages(const OpenQueue& queue, const Inotify& inotify, State state,
                                 std::uint32_t mask);
/// The folder of the consumers' files.
[[nodiscard]] int watch_consumers(const OpenQueue& queue, const Inotify& inotify,
                                  std::uint32_t mask);
/// The queue's directory, with spoolq.json and the file `paused`.
[[nodiscard]] int watch_root(const OpenQueue& queue, const Inotify& inotify, std::uint32_t mask);

}  // namespace spoolq::detail
