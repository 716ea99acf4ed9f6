// Files that become messages by rename.
#pragma once

#include <vector>

#include "producer/adopt/transfer_folder.hpp"

namespace spoolq::detail {

/// Syncs each file, seizes it and renames it into new/. One thread.
class RenameTransfer {
 public:
  explicit RenameTransfer(TransferFolder& folder) : folder_{folder} {}
  /// Until it turns out that this cannot be done here: then by_rename() of the folder is false, and
  /// the others are still to be taken. Durable when it returns. Throws errc::indeterminate, or the
  /// errno.
  void run(std::vector<TransferItem>& items);

 private:
  void rename(TransferItem& item);

  TransferFolder& folder_;
};

}  // namespace spoolq::detail
