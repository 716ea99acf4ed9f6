// Making a queue, so that a crash at any point leaves something that init completes.
//
// 1. Make the directory, then its folders (new/ may be a link to an inbox), spares and ballast: a
//    full disk could not make them later.
// 2. Sync each folder, the directory and its parent.
// 3. Write spoolq.json last. Where it stands, all the rest is durable.
#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <functional>
#include <set>

#include "queue/format/message_id.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/durability.hpp"
#include "queue/store/inbox.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/queue_file.hpp"
#include "queue/store/space.hpp"

namespace spoolq::detail {
namespace {

/// Makes the directory unless it is there; true when it was made. Its mode does not depend on the
/// umask; an existing directory keeps its own.
bool make_directory(Sys& sys, int parent, const std::string& name, const std::string& path,
                    mode_t mode) {
  const SysResult made = sys.mkdirat(parent, name.c_str(), 0700);
  if (made.error() == EEXIST) return false;
  require(made, "mkdir", path);
  const UniqueFd fd{sys, require(sys.openat(parent, name.c_str(), kDirectoryFlags), "open", path)};
  require(sys.fchmod(fd.get(), mode), "chmod", path);
  return true;
}

/// Throws errc::bad_value for a folder of another queue, where a queue would be taken for messages.
void require_outside_a_queue(Sys& sys, int parent, const std::string& parent_path,
                             const std::string& name) {
  struct stat status = {};
  if (!is_folder_name(name) || !sys.fstatat(parent, kSettingsFile, status).ok()) return;
  throw_errc(errc::bad_value, "init", fmt::format("{}/{}", parent_path, name),
             fmt::format("it is a folder of the queue {}", parent_path));
}

/// Throws unless the folder can be the inbox of a queue that may not exist yet.
void require_inbox_beside(Sys& sys, int parent, const std::string& name, const std::string& path,
                          const std::string& inbox) {
  const SysResult opened = sys.openat(parent, name.c_str(), kDirectoryFlags);
  if (!opened.ok() && opened.error() != ENOENT) throw_errno(opened.error(), "open", path);
  const UniqueFd root = opened.ok() ? UniqueFd{sys, opened} : UniqueFd{};
  require_inbox(sys, root ? root.get() : parent, path, inbox);
}

/// Throws ENOTEMPTY for a folder that holds something else: what is in its new/ would be taken for
/// messages. Left alone are a Maildir, what an interrupted init has made, hidden names, and the
/// lost+found of a file system's root.
void require_room_for_queue(Sys& sys, int root, const std::string& path) {
  std::set<std::string, std::less<>> ours{"ballast", "lost+found"};
  for (int i = 0; i < kFolderCount; ++i) ours.insert(folder_name(static_cast<Folder>(i)));
  std::set<std::string> found;
  std::string other;
  scan_directory(sys, root, path, [&](const DirectoryEntry& entry) {
    if (ours.contains(entry.name)) {
      found.emplace(entry.name);
    } else if (!entry.name.starts_with('.')) {
      other = entry.name;
    }
    return true;
  });
  const bool is_maildir = found.contains(folder_name(Folder::tmp)) &&
                          found.contains(folder_name(Folder::ready)) &&
                          found.contains(folder_name(Folder::claimed));
  if (other.empty() || is_maildir) return;
  throw_errno(ENOTEMPTY, "init", path,
              fmt::format("there is {} in it; a queue needs a folder of its own", escaped(other)));
}

}  // namespace

void init_queue(Sys& sys, const std::string& path, const std::vector<SettingChange>& settings,
                const std::string& inbox) {
  // Bad settings are refused before anything is made.
  static_cast<void>(change_settings(Settings{}, settings));

  const std::size_t slash = path.rfind('/');
  const std::string parent_path = slash == 0 ? "/" : path.substr(0, slash);
  const std::string name = path.substr(slash + 1);
  const UniqueFd parent = open_directory(sys, parent_path);
  require_outside_a_queue(sys, parent.get(), parent_path, name);
  if (!inbox.empty()) require_inbox_beside(sys, parent.get(), name, path, inbox);

  // Step 1.
  make_directory(sys, parent.get(), name, path, change_settings(Settings{}, settings).mode);
  const UniqueFd root = open_directory(sys, path);
  const auto before = read_queue_file(sys, root.get(), path);
  if (!before) require_room_for_queue(sys, root.get(), path);
  const Settings wanted = change_settings(before ? before->settings : Settings{}, settings);
  for (int i = 0; i < kFolderCount; ++i) {
    const char* const folder = folder_name(static_cast<Folder>(i));
    if (static_cast<Folder>(i) == Folder::ready && !inbox.empty()) {
      link_inbox(sys, root.get(), path, inbox);
      continue;
    }
    make_directory(sys, root.get(), folder, fmt::format("{}/{}", path, folder), wanted.mode);
  }
  // Step 2. Also when they were there: an earlier run may have died before its syncs.
  const Folders folders{sys, path};
  make_spares(sys, folders, wanted.file_mode());
  make_ballast(sys, folders);
  for (int i = 0; i < kFolderCount; ++i) {
    const auto folder = static_cast<Folder>(i);
    sync_foreign_directory(sys, folders.fd(folder), folders.path(folder));
  }
  sync_foreign_directory(sys, root.get(), path);
  sync_foreign_directory(sys, parent.get(), parent_path);
  // Step 3. Another process may have written it meanwhile.
  const QueueFileLock lock{sys, folders};
  auto file = read_queue_file(sys, root.get(), path);
  const bool exists = file.has_value();
  if (!file) file.emplace().queue_id = random_queue_id();
  file->settings = change_settings(file->settings, settings);
  for (const auto& [key, value] : settings) file->set[key] = value;
  if (!exists) {
    make_queue_file(sys, root.get(), path, *file);
  } else if (!settings.empty()) {
    if (names_mode(settings)) folders.set_mode(sys, file->settings.mode);
    replace_queue_file(sys, root.get(), path, *file);
  }
}

}  // namespace spoolq::detail
