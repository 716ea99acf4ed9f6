// Removing the markers that say that a file is complete.
#pragma once

#include <vector>

#include "producer/adopt/transfer_folder.hpp"

namespace spoolq::detail {

/// Removes the announced markers of these files, before the files are taken: a marker that stays
/// would vouch for the next file of its name. The journal records that they were there. An item
/// whose file is another one by now stays. Throws the errno.
void remove_markers(TransferFolder& folder, std::vector<TransferItem>& items);

}  // namespace spoolq::detail
