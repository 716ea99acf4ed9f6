// The folder intake/ of a queue, in which adopt and import keep their records.
#pragma once

#include <string>

#include "queue/os/fork_guard.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Its path.
std::string intake_path(const OpenQueue& queue);
/// The name in intake/ of the folder at this absolute path: 16 hex digits.
std::string intake_folder_name(const std::string& source);
/// intake/ of a queue; empty when it is not there.
UniqueFd open_intake_folder(OpenQueue& queue);
/// The same, made where it is missing; durable when it returns.
UniqueFd make_intake_folder(OpenQueue& queue);

/// A descriptor of tmp/ to lock bytes with: hashes of folders that files are taken from. The locks
/// belong to what one open() has made. Empty, with the error, when it cannot be opened.
LockFd open_transfer_locks(OpenQueue& queue);

/// The directory below `parent`, made where it is missing, with the queue's mode; durable when it
/// returns. Throws the errno.
UniqueFd make_below(OpenQueue& queue, int parent, const std::string& name, const std::string& path);

/// Removes a copy that is not published, in a locked folder of intake/ whose path is `path`. Throws
/// the errno.
void discard_staged(OpenQueue& queue, int folder, const std::string& path, const std::string& file);

}  // namespace spoolq::detail
