// Removing the markers that say that a file is complete.
#pragma once

#include <vector>

#include "producer/adopt/transfer_folder.hpp"

namespace spoolq::detail {

/// The markers go before their files are taken: what stays would vouch for the next one. The
/// journal says that they were there. One thread.
class MarkerRemoval {
 public:
  explicit MarkerRemoval(TransferFolder& folder) : folder_{folder} {}
  /// Removes the announced markers of these files. An item whose file is another one by now stays.
  /// Throws the errno.
  void run(std::vector<TransferItem>& items);

 private:
  /// True when something was removed. A marker that is there when its file is another one by now is
  /// that one's.
  bool remove(TransferItem& item, SeizedSource& marker);

  TransferFolder& folder_;
};

}  // namespace spoolq::detail
