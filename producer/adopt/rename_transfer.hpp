// Files that become messages by rename.
#pragma once

#include <vector>

#include "producer/adopt/transfer_folder.hpp"

namespace spoolq::detail {

/// Syncs each wanted file, seizes it and renames it into new/. If it turns out that this cannot be
/// done here, by_rename() of the folder is false afterwards, and the other files are still to be
/// taken. Durable when it returns. Throws errc::indeterminate, or the errno.
void transfer_by_rename(TransferFolder& folder, std::vector<TransferItem>& items);

}  // namespace spoolq::detail
