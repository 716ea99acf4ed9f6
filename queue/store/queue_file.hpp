// The file spoolq.json of a queue.
#pragma once

#include <optional>
#include <string>

#include "queue/format/settings.hpp"
#include "queue/os/fork_guard.hpp"
#include "queue/os/sys.hpp"
#include "queue/store/folders.hpp"

namespace spoolq::detail {

/// Reads spoolq.json below `root`; nullopt when there is none.
std::optional<QueueFile> read_queue_file(Sys& sys, int root, const std::string& path);

/// The right to write spoolq.json, from the reading of what it was: of two changes at once none is
/// lost. One process has it at a time, as long as this lives. Throws EAGAIN when another one keeps
/// it for five seconds, or the errno.
class QueueFileLock {
 public:
  QueueFileLock(Sys& sys, const Folders& folders);

 private:
  LockFd lock_;
};

/// Writes the first spoolq.json: a new file, synced, renamed without replacing anything, the folder
/// synced. Throws the errno.
void make_queue_file(Sys& sys, int root, const std::string& path, const QueueFile& file);
/// The same over the one that is there: readers see the old settings or the new ones.
void replace_queue_file(Sys& sys, int root, const std::string& path, const QueueFile& file);

}  // namespace spoolq::detail
