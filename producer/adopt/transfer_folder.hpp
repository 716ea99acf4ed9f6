// The folder that files are taken from, and what is done with one of them there.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "producer/adopt/journal.hpp"
#include "producer/adopt/transfer_item.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// A folder of other programs, with its journal and the private names of its files. One thread.
class TransferFolder {
 public:
  /// `path` is absolute and without symbolic links. Throws the errno.
  TransferFolder(OpenQueue& queue, const std::string& path, TransferOptions options);

  [[nodiscard]] OpenQueue& queue() const { return queue_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] int descriptor() const { return directory_.get(); }
  [[nodiscard]] const TransferOptions& options() const { return options_; }
  [[nodiscard]] SeizedSources& sources() { return sources_; }
  [[nodiscard]] const SeizedSources& sources() const { return sources_; }
  /// Whether its files become messages by rename; not any more once one could not.
  [[nodiscard]] bool by_rename() const { return by_rename_; }
  void copy_from_now_on() { by_rename_ = false; }

  /// Opens the journal; makes it where it is missing.
  TransferJournal& journal();
  /// Opens it only if it is there.
  void open_journal();
  /// What the journal knows of files goes, because the files went.
  void forget(const std::vector<std::string>& keys);

  /// What an id is derived from.
  [[nodiscard]] FileIdentity identity_of(const Arrival& arrival) const;
  [[nodiscard]] std::string key_of(const Arrival& arrival) const;
  [[nodiscard]] MessageName name_of(const Arrival& arrival) const;
  [[nodiscard]] int directory_of(const Arrival& arrival) const;
  [[nodiscard]] std::string path_of(const Arrival& arrival) const;
  /// A seized file, as it is now. nullopt when it is gone or not regular.
  [[nodiscard]] std::optional<Arrival> arrival_of(const SeizedSource& source) const;
  /// Whether it was taken before, and is kept or could not be removed then.
  [[nodiscard]] bool has_taken(const Arrival& arrival) const;
  /// Whether its markers may have been removed already, by a run that did not get further.
  [[nodiscard]] bool has_begun(const Arrival& arrival) const;
  /// Whether the name still is the file that was found.
  [[nodiscard]] bool is_as_found(const Arrival& arrival) const;
  /// Whether the open file is as it was when it was found complete, and no process writes to it.
  [[nodiscard]] bool is_left_alone(const Arrival& arrival, int fd, WriterHold& writers) const;
  /// Whether the content is that of the copy: another file may have the same inode number, size,
  /// time and name by now, and what is removed has to be in the queue. nullopt when it cannot be
  /// opened.
  [[nodiscard]] std::optional<bool> is_what_was_taken(const TransferItem& item) const;

  [[nodiscard]] SysResult open_source(const TransferItem& item) const;
  /// False, with the outcome, when it is not as it was, or not ours to read.
  bool open(TransferItem& item);
  /// Records the private names of all sources and of their markers.
  void announce(std::vector<TransferItem>& items);
  /// Renames a source to its private name, and looks again at what it got: true when that is what
  /// is open as `fd`, as it was found complete. Anything else is put back. Throws the errno.
  bool seize(TransferItem& item, int fd, WriterHold& writers);
  void put_back(TransferItem& item);
  /// Leaves the source of what is a message in the folder, because `file` cannot be removed. The
  /// journal knows it.
  void leave_source(TransferItem& item, const std::string& file, const std::error_code& code);

 private:
  [[nodiscard]] bool is_unchanged(const Arrival& arrival, const struct stat& now) const;

  OpenQueue& queue_;
  std::string path_;
  TransferOptions options_;
  UniqueFd directory_;
  bool keeps_birth_times_;
  bool is_same_mount_;
  bool by_rename_;
  std::optional<TransferJournal> journal_;
  SeizedSources sources_;
};

}  // namespace spoolq::detail
