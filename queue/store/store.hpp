// The files of an open queue: the only way to find, open, move and remove them.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "queue/os/directory_scan.hpp"
#include "queue/os/sys.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

class OpenQueue;

/// The verbs that act on a Location. Those that change something rename or unlink an exact name, so
/// each has one winner: of two callers one gets nullopt or false. Only sync() makes anything
/// durable. Any thread.
class Store {
 public:
  explicit Store(OpenQueue& queue) : queue_{queue} {}

  // Looking.

  /// Whether there is a place for messages in `state`: a Maildir has three of them.
  [[nodiscard]] bool has(State state) const;
  /// Throws errc::not_a_queue when there is not.
  void require(State state) const;
  enum class Foreign { derived, skipped };
  /// Visits the messages in `state`, in no order, until `visit` returns false. A foreign file costs
  /// a system call, to derive its name, unless it is skipped. Throws the errno.
  void scan(State state, const std::function<bool(const StoredMessage&)>& visit,
            Foreign foreign = Foreign::derived) const;
  /// Visits all entries of the folder of `state`, until `visit` returns false. Throws the errno.
  void scan_files(State state, const std::function<bool(const DirectoryEntry&)>& visit) const;
  /// Whether there is any entry. Returns after the renames from and to that folder that had begun.
  [[nodiscard]] bool has_files(State state) const;
  /// Throws errc::not_a_queue when the folder of `state` was removed.
  void require_folder(State state, const char* operation) const;
  /// The number of files in bad/, and whether one of them is the message `id`.
  [[nodiscard]] std::uint64_t count_quarantine() const;
  [[nodiscard]] bool is_in_quarantine(const MessageId& id) const;
  /// The place of the file that an event, an entry of a directory or a path has named.
  [[nodiscard]] static Location place(State state, std::string_view file);
  /// The message at a place; nullopt when no message is called that, or a foreign file is gone.
  [[nodiscard]] std::optional<StoredMessage> find(Location at) const;
  /// The same of a path that MessageInfo::path has given.
  [[nodiscard]] std::optional<StoredMessage> find_path(State state, std::string_view path) const;
  /// The path of a place, and of the folder of a state.
  [[nodiscard]] std::string path(const Location& at) const;
  [[nodiscard]] std::string path(State state) const;
  /// The place as a log shows it, below the queue's path.
  [[nodiscard]] static std::string shown(const Location& at);

  /// Opens for reading, without following links or waiting for a FIFO's writer. Throws the errno.
  [[nodiscard]] UniqueFd open(const Location& at) const;
  /// The same; empty when it cannot be opened.
  [[nodiscard]] UniqueFd try_open(const Location& at) const;
  SysResult stat(const Location& at, struct stat& status) const;
  /// Whether the file `inode` is there.
  [[nodiscard]] bool is_at(const Location& at, ino_t inode) const;

  /// Whether some process has the file open for writing. nullopt: the kernel does not tell,
  /// because the file is another user's, or the file system has no leases.
  [[nodiscard]] std::optional<bool> has_writer(const Location& at) const;
  /// The name of the foreign file at `at`, derived from its identity and from `file`, what it was
  /// called. nullopt when it is gone or not regular.
  [[nodiscard]] std::optional<MessageName> derive_name(const Location& at,
                                                       std::string_view file) const;
  /// Whether a foreign file is complete, when no consumer saw how it came: no process writes it,
  /// and it has a second link, a Maildir name, or was left alone for `settle`. Where the kernel
  /// does not tell of writers, only ten times `settle` counts, and for an empty file with a Maildir
  /// name. Other empty files are not complete.
  [[nodiscard]] bool is_settled(const Location& at) const;

  // Changing.

  /// One rename, with an answer to every errno (docs/architecture.md, "Errors"). The message as it
  /// lies then, with U set when another file had its name; nullopt when it was gone. A rename of a
  /// name onto itself is a success. A second name of the same file is seized and removed. Throws
  /// the errno of everything else.
  std::optional<StoredMessage> move(const Location& from, Destination to,
                                    Ballast ballast = Ballast::give);
  /// The same into another queue. EXDEV when that is on another mount.
  std::optional<StoredMessage> move(const Location& from, Store& target, Destination to);
  /// The same of `file` in a directory that is no folder of messages, whose path is `path`.
  std::optional<StoredMessage> bring_in(int directory, const std::string& path,
                                        const std::string& file, Destination to, Ballast ballast);
  /// Renames a claimed file back to where it was, without replacing another. False: that name is
  /// another file's by now. True also when the file is gone.
  bool put_back(const Location& claimed, const Location& before);
  /// The same; where the file system has no rename without replacing, after a look.
  bool rename_back(const Location& claimed, const Location& before);
  /// Removes it for good. False when it was gone. Throws the errno.
  bool remove(const Location& at);
  /// The same; false also when it cannot be removed.
  bool try_remove(const Location& at);
  /// Moves what is not a message to bad/, under its own name or a fresh one, and reports it with
  /// `reason`. Does nothing when it is gone. Opens nothing.
  void quarantine(const Location& at, const std::string& reason);
  /// The same of a name that was seen to be a link, FIFO, socket or device and may mean another
  /// file by now: a regular file goes back to its name.
  void quarantine_unless_regular(const Location& at);

  /// Makes changes durable, in this order (Durability::sync_changed).
  void sync(std::initializer_list<State> changed);

 private:
  OpenQueue& queue_;
};

}  // namespace spoolq::detail
