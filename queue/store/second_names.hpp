// Second names: other names of a message's file in the folders of its queue. A crash on a file
// system that writes the halves of a rename one by one leaves them, or a person who links files.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

class OpenQueue;

/// The inodes that have several names in new/, later/, cur/ and failed/. Found by one look at all
/// of them, at most once a second, so that a queue whose files have links in a backup costs two
/// passes a second and not four for each message. Any thread.
class SecondNames {
 public:
  enum class Look { cached, fresh };
  /// All names of `inode` when there are several, else none. A name may have moved on since.
  std::vector<Location> names_of(OpenQueue& queue, ino_t inode, Look look);

 private:
  void scan(OpenQueue& queue);

  std::mutex mutex_;
  std::optional<Duration> scanned_;
  std::unordered_map<ino_t, std::vector<Location>> names_;
};

}  // namespace spoolq::detail
