// Files that become messages as copies.
#pragma once

#include <vector>

#include "producer/adopt/transfer_folder.hpp"

namespace spoolq::detail {

/// Seizes each file, copies it, records the copies in the journal, publishes them, and removes the
/// sources. A file that stays is copied without being seized. One thread.
class CopyTransfer {
 public:
  explicit CopyTransfer(TransferFolder& folder) : folder_{folder} {}
  /// Publishes copies of the files that are wanted. Durable when it returns.
  void copy(std::vector<TransferItem>& items);
  /// The sources of what are messages go, unless another process has written to them since, or is
  /// about to; those are new files then.
  void remove_sources(std::vector<TransferItem>& items);

 private:
  void copy_one(TransferItem& item);
  /// False when the source is not what it was, or cannot be read.
  bool copy_content(TransferItem& item);
  /// Of those that are messages.
  void remove_parts(std::vector<TransferItem>& items);
  /// True when it is gone.
  bool remove_source(TransferItem& item);

  TransferFolder& folder_;
};

}  // namespace spoolq::detail
