// Second names: other names of a message's file in the folders of its queue. A crash on a file
// system that writes the halves of a rename one by one leaves them, or a person who links files.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "queue/folders.hpp"

namespace spoolq::detail {

class OpenQueue;
struct StoredMessage;

/// Where a name stands.
struct PlacedName {
  Folder folder = Folder::ready;
  std::string file;
};

/// The inodes that have several names in new/, later/, cur/ and failed/. Found by one look at all
/// of them, at most once a second, so that a queue whose files have links in a backup costs two
/// passes a second and not four for each message. Any thread.
class SecondNames {
 public:
  enum class Look { cached, fresh };
  /// All names of `inode` when there are several, else none. A name may have moved on since.
  std::vector<PlacedName> names_of(OpenQueue& queue, ino_t inode, Look look);

 private:
  void scan(OpenQueue& queue);

  std::mutex mutex_;
  std::optional<Duration> scanned_;
  std::unordered_map<ino_t, std::vector<PlacedName>> names_;
};

/// Drops the other names of the same message (the same inode and id) as `kept`. Each is seized
/// first, and removed only while `kept` still is there; otherwise it goes back. True when a name is
/// left that holds the message: the claim of a living consumer, or a detached one. Other ids and
/// names outside of this queue are not touched. To be called for a file with more than one link.
bool drop_other_names(OpenQueue& queue, const StoredMessage& kept, ino_t inode);
/// The same, after a look at the number of links.
bool drop_other_names(OpenQueue& queue, const StoredMessage& kept);

}  // namespace spoolq::detail
