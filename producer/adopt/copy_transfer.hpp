// Files that become messages as copies, whose sources are removed.
#pragma once

#include <vector>

#include "producer/adopt/transfer_folder.hpp"

namespace spoolq::detail {

/// Seizes each wanted file, copies it, records the copies in the journal and publishes them. A file
/// that is kept is copied without being seized. Durable when it returns.
void transfer_by_copy(TransferFolder& folder, std::vector<TransferItem>& items);

/// Removes the sources of what are messages, unless another process has written to them since, or
/// is about to; those are new files then.
void remove_sources(TransferFolder& folder, std::vector<TransferItem>& items);

}  // namespace spoolq::detail
