// What was taken from one folder of another program, so that no crash takes a file twice
// (docs/format.md, "Taking files from other folders").
#pragma once

#include <sys/stat.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "queue/format/message_name.hpp"
#include "queue/os/fork_guard.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/intake_folder.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// What a file is known by in a journal: 32 hex digits that hash its inode number, size, mtime,
/// time of birth and name. `born` zero: the file system keeps none, and it is left out.
std::string journal_key(std::string_view name, const struct stat& status,
                        const struct timespec& born);

/// The folder intake/HASH/ of a queue: its journal and its unpublished copies. Locked as long as
/// this lives. When a call has thrown, make another one, which finishes what this one has begun.
/// One thread.
class TransferJournal {
 public:
  /// Whether the queue has a journal for the folder at this absolute path.
  static bool exists(OpenQueue& queue, const std::string& source);

  enum class Access {
    take,  ///< Makes it where it is missing, and finishes or removes what a run before has left.
    look   ///< Reads an existing one; nothing is locked or changed, and add() is not to be called.
  };
  /// Throws EAGAIN when another process takes from the folder, or the errno.
  TransferJournal(OpenQueue& queue, const std::string& source, Access access = Access::take);

  /// Whether a copy of this file was published.
  [[nodiscard]] bool has_copied(std::string_view key) const;
  /// The name of that copy.
  [[nodiscard]] std::optional<MessageName> copy_of(std::string_view key) const;
  /// Whether this file was found complete by its marker.
  [[nodiscard]] bool has_marked(std::string_view key) const;

  /// Where copies wait.
  [[nodiscard]] int folder() const { return folder_.get(); }

  struct Record {
    std::string key;
    std::string file;  ///< The message's name; "-": complete by its marker.
  };
  /// Records that these copies are to be published; durable when it returns, as the copies are
  /// then.
  void add(const std::vector<Record>& records);
  /// Publishes copies; durable when it returns.
  void publish(const std::vector<Record>& records);
  /// The files with these keys are gone for good.
  void forget(const std::vector<std::string>& keys);

 private:
  void open_journal(const std::string& source);
  [[nodiscard]] off_t read_journal();
  void finish_earlier();

  OpenQueue& queue_;
  std::string path_;
  UniqueFd parent_;  ///< intake/
  UniqueFd folder_;
  LockFd journal_;
  off_t size_ = 0;                                           ///< Of the journal's whole lines.
  std::map<std::string, std::string, std::less<>> records_;  ///< By key.
};

}  // namespace spoolq::detail
