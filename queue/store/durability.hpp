// Syncing directories: the one place that does, with the two policies of docs/guarantees.md.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>

#include "queue/os/sys.hpp"
#include "queue/store/folders.hpp"

namespace spoolq::detail {

/// Lets threads that wait for the same sync share one: a caller is served by a sync that started
/// after it asked.
class GroupSync {
 public:
  /// Returns when `sync` has run, by this thread or another, from start to end after the call.
  /// `sync` returns an errno, 0 for success; so does run().
  int run(const std::function<int()>& sync);

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::uint64_t started_ = 0;
  std::uint64_t finished_ = 0;
  int error_ = 0;
  bool running_ = false;
};

/// Makes the changes of one directory durable without an open queue: fsync and fstat on ext4 and
/// xfs, else one syncfs, as Durability does. Throws the errno.
void sync_foreign_directory(Sys& sys, int fd, const std::string& path);

/// The syncs of one open queue. After the first failure everything is condemned: the kernel may
/// have dropped what it could not write, and would call a second sync a success. Any thread.
class Durability {
 public:
  Durability(Sys& sys, const Folders& folders);

  /// After changes of the messages in these states, in the order in which they must become durable.
  /// ext4 and xfs: fsync and fstat of each folder. Everything else: one syncfs. An fsync of one
  /// btrfs folder can undo an earlier change of another, and can succeed without the name that a
  /// rename has just brought.
  void sync_changed(std::initializer_list<State> changed);

  /// The same, and then for a directory of the queue that is no folder of messages.
  void sync_changed(std::initializer_list<State> changed, int directory, const std::string& path);

  /// After changes and puts that were not synced: one syncfs, which is for the payloads too.
  void sync_all();

  /// Appends whole lines to a record of `size` bytes, durable when it returns. Throws the errno;
  /// nothing of them is left then.
  void append(int record, std::string_view lines, off_t& size, const std::string& path);
  /// Syncs a file itself. A failure ends the use of the queue. Throws the errno.
  void sync_file(int file, const std::string& path);

  /// After a sync that has failed elsewhere.
  void condemn() { condemned_ = true; }
  /// Throws errc::condemned after a failed sync.
  void require_sound(const std::string& path) const;

 private:
  void sync_folder(Folder folder);
  void sync_file_system();
  [[noreturn]] void fail(int error, const char* operation, const std::string& path);

  Sys& sys_;
  const Folders& folders_;
  bool per_folder_;
  std::atomic<bool> condemned_{false};
  GroupSync groups_[kFolderCount];
  GroupSync file_system_group_;
};

}  // namespace spoolq::detail
