// The folders of a queue: their names, their descriptors, and what is checked when they are opened.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "queue/os/sys.hpp"
#include "queue/os/unique_fd.hpp"
#include "spoolq/message.hpp"

namespace spoolq::detail {

enum class Folder { tmp, ready, claimed, later, failed, done, bad, consumers };
constexpr int kFolderCount = 8;

/// The folder's name on disk. The only place where these names are spelled.
const char* folder_name(Folder folder);
/// Whether a folder of a queue is called that.
bool is_folder_name(std::string_view name);
/// The folder that holds the messages in `state`.
Folder folder_of(State state);
/// The state of the messages in `folder`, one of the five that folder_of() gives.
State state_of(Folder folder);

/// Open descriptors of a queue's folders, kept as long as the queue is open, so that a renamed or
/// replaced path changes nothing under us. Immutable once opened.
class Folders {
 public:
  /// Opens the queue's directory and its folders; new/ may be a link to an inbox (inbox.hpp).
  /// Throws errc::not_a_queue when tmp/, new/ or cur/ is missing, EXDEV when the folders are not on
  /// one mount, errc::unsafe_permissions when everybody may write to one that is not an inbox, or
  /// the errno.
  Folders(Sys& sys, std::string path);

  /// The absolute path at which the queue was opened.
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The path of a folder, or of a file in it.
  [[nodiscard]] std::string path(Folder folder, std::string_view file = {}) const;
  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] bool has(Folder folder) const;
  /// The folder's descriptor. Throws errc::not_a_queue when a Maildir does not have it.
  [[nodiscard]] int fd(Folder folder) const;
  [[nodiscard]] const FileSystemInfo& file_system() const { return file_system_; }
  /// Whether new/ is an inbox, a folder that is not the queue's own.
  [[nodiscard]] bool has_inbox() const { return has_inbox_; }
  /// Gives the queue's directory and its folders, but not an inbox, this mode. Throws the errno.
  void set_mode(Sys& sys, mode_t mode) const;

  /// Whether a rename from `directory`, whose path is `path`, can go to new/. Throws the errno.
  [[nodiscard]] bool is_same_mount(Sys& sys, int directory, const std::string& path) const;
  /// The name of the folder that `directory` has open; nullptr when it is none of the queue's.
  [[nodiscard]] const char* name_of(Sys& sys, int directory) const;
  /// Throws errc::bad_value when `other` is the same queue, or has the same folder as new/.
  void require_different(Sys& sys, const Folders& other, const char* operation) const;

 private:
  std::string path_;
  UniqueFd root_;
  std::array<UniqueFd, kFolderCount> fds_;
  FileSystemInfo file_system_;
  bool has_inbox_ = false;
};

/// Opens the directory at an absolute path without following any symbolic link on the way.
UniqueFd open_directory(Sys& sys, const std::string& path);
/// The path without symbolic links and dots. Throws the errno when it does not exist.
std::string canonical_path(const std::string& path);

}  // namespace spoolq::detail
