// Moving a message's file from folder to folder: one rename, and an answer to every errno it can
// give (docs/architecture.md, "Errors").
#pragma once

#include <optional>
#include <string>

#include "queue/store/open_queue.hpp"
#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

/// renameat2(RENAME_NOREPLACE), and on file systems without it (EINVAL, ENOSYS) a look and a plain
/// rename. That leaves a race only between writers of one name, and every name we rename to holds
/// an id or a random token.
SysResult rename_new(Sys& sys, int from_dir, const char* from, int to_dir, const char* to);

/// Renames `file` in `from_dir`, whose path is `from_path`, to its destination: Store::move().
std::optional<StoredMessage> rename_into(Sys& sys, int from_dir, const std::string& from_path,
                                         const std::string& file, OpenQueue& target, Destination to,
                                         Ballast ballast);

}  // namespace spoolq::detail
