// The file spoolq.json of a queue.
#pragma once

#include <optional>
#include <string>

#include "queue/format/settings.hpp"
#include "queue/os/sys.hpp"

namespace spoolq::detail {

/// Reads spoolq.json below `root`; nullopt when there is none.
std::optional<QueueFile> read_queue_file(Sys& sys, int root, const std::string& path);
/// Replaces spoolq.json whole: a new file, synced, renamed over the old one, the folder synced.
void write_queue_file(Sys& sys, int root, const std::string& path, const QueueFile& file);

}  // namespace spoolq::detail
