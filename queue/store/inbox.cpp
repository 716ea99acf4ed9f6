// Checking, linking and opening an inbox.
#include "queue/store/inbox.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <string_view>

#include "queue/format/message_id.hpp"
#include "queue/format/settings.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/folders.hpp"

namespace spoolq::detail {
namespace {

/// An attribute of an inbox: the path of its queue.
constexpr const char* kQueueAttribute = "user.spoolq.queue";

const char* link_name() { return folder_name(Folder::ready); }

std::string link_path(const std::string& path) { return fmt::format("{}/{}", path, link_name()); }

struct stat status_of(Sys& sys, int fd, const std::string& path) {
  struct stat status = {};
  require(sys.fstat(fd, status), "stat", path);
  return status;
}

std::uint64_t mount_of(Sys& sys, int fd, const std::string& path) {
  std::uint64_t mount = 0;
  require(sys.mount_id(fd, mount), "stat", path);
  return mount;
}

bool has_settings(Sys& sys, int directory) {
  struct stat status = {};
  return sys.fstatat(directory, kSettingsFile, status).ok();
}

bool is_inside(const std::string& inner, const std::string& outer) {
  return inner == outer || inner.starts_with(outer + "/");
}

/// A symbolic link that is looked at and cannot be exchanged for another one meanwhile.
UniqueFd open_link(Sys& sys, int root, const char* name, const std::string& path) {
  return UniqueFd{sys,
                  require(sys.openat(root, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), "open", path)};
}

/// Throws EPERM for a link that neither the owner of the queue's directory has made nor root.
void require_made_by_owner(Sys& sys, int root, const UniqueFd& link, const std::string& path) {
  const uid_t maker = status_of(sys, link.get(), path).st_uid;
  if (maker == 0 || maker == status_of(sys, root, path).st_uid) return;
  throw_errno(EPERM, "open", path,
              fmt::format("a link that user {} has made; it is followed only when the owner of the "
                          "queue's folder made it, or root",
                          maker));
}

/// Throws EPERM for a folder whose files the maker of the link could not take, but we might.
void require_within_reach(Sys& sys, int root, const UniqueFd& link, int folder,
                          const std::string& path, const std::string& target) {
  const uid_t maker = status_of(sys, link.get(), path).st_uid;
  if (maker == 0 || maker == ::geteuid()) return;
  const struct stat status = status_of(sys, folder, target);
  const bool is_open_to_maker =
      (status.st_mode & S_ISVTX) == 0 &&
      ((status.st_mode & S_IWOTH) != 0 ||
       ((status.st_mode & S_IWGRP) != 0 && status.st_gid == status_of(sys, root, path).st_gid));
  if (status.st_uid == maker || is_open_to_maker) return;
  throw_errno(EPERM, "open", path,
              fmt::format("a link that user {} has made to {}, which is not theirs; where it is "
                          "right, 'chown -h 0 {}' as root says so",
                          maker, escaped(target), path));
}

std::string target_of(Sys& sys, const UniqueFd& link, const std::string& path) {
  std::array<char, PATH_MAX> target{};
  const int got =
      require(sys.readlinkat(link.get(), target.data(), target.size()), "read link", path);
  return {target.data(), static_cast<std::size_t>(got)};
}

/// Throws ENOTEMPTY for a folder that would be hidden by the link.
void require_empty(Sys& sys, int root, const std::string& path, const std::string& inbox) {
  const UniqueFd fd{
      sys, require(sys.openat(root, link_name(), kDirectoryFlags), "open", link_path(path))};
  scan_directory(sys, fd.get(), link_path(path), [&](const DirectoryEntry& entry) -> bool {
    throw_errno(ENOTEMPTY, "init", link_path(path),
                fmt::format("{} is in it; take what is there along with 'mv {} {}', then again",
                            escaped(entry.name), link_path(path) + "/*", inbox));
  });
}

/// Puts the link in the place of an empty folder.
void exchange(Sys& sys, int root, const std::string& path, const std::string& inbox,
              const std::string& link) {
  require_empty(sys, root, path, inbox);
  const auto swap = [&] {
    return sys.renameat2(root, link.c_str(), root, link_name(), RENAME_EXCHANGE);
  };
  if (const auto swapped = swap(); !swapped.ok()) {
    throw_errno(swapped.error(), "exchange", link_path(path),
                swapped.error() == EINVAL || swapped.error() == ENOSYS
                    ? fmt::format("the file system cannot; 'rmdir {}', then again", link_path(path))
                    : std::string{});
  }
  // What a producer has put there in the last moment is not lost: all is as before.
  const auto removed = sys.unlinkat(root, link.c_str(), AT_REMOVEDIR);
  if (removed.ok()) return;
  const bool undone = swap().ok();
  throw_errno(removed.error(), "rmdir", link_path(path),
              undone ? std::string{} : fmt::format("what was there is in {}/{} now", path, link));
}

/// Gives the link, made under another name, its own.
void put_in_place(Sys& sys, int root, const std::string& path, const std::string& inbox,
                  const std::string& link) {
  require_made_by_owner(sys, root, open_link(sys, root, link.c_str(), link_path(path)),
                        link_path(path));
  const auto renamed = sys.renameat2(root, link.c_str(), root, link_name(), RENAME_NOREPLACE);
  if (renamed.error() == EEXIST) {
    exchange(sys, root, path, inbox, link);
    return;
  }
  require(renamed, "rename", link_path(path));
}

/// Whether new/ is the link already. Throws EEXIST when it is another one.
bool is_linked(Sys& sys, int root, const std::string& path, const std::string& inbox) {
  struct stat status = {};
  const auto found = sys.fstatat(root, link_name(), status);
  if (!found.ok() && found.error() != ENOENT) {
    throw_errno(found.error(), "stat", link_path(path));
  }
  if (!found.ok() || S_ISDIR(status.st_mode)) return false;
  if (!S_ISLNK(status.st_mode)) throw_errno(ENOTDIR, "init", link_path(path));
  const UniqueFd link = open_link(sys, root, link_name(), link_path(path));
  const std::string target = target_of(sys, link, link_path(path));
  if (target == inbox) return true;
  throw_errno(EEXIST, "init", link_path(path),
              fmt::format("its inbox is {}; for another one 'rm {}', then again", escaped(target),
                          link_path(path)));
}

/// Throws errc::bad_value for the inbox of another queue than the one at `path`.
void require_no_other_queue(Sys& sys, int folder, const std::string& path,
                            const std::string& inbox) {
  const auto other = queue_of_inbox(sys, folder, inbox);
  if (!other || *other == path) return;
  throw_errc(errc::bad_value, "init", inbox,
             fmt::format("it is the inbox of the queue {}", escaped(*other)));
}

/// Notes in the inbox which queue has it. The result holds a lock until the link is there, so that
/// of two that begin at the same time one is refused.
UniqueFd mark_inbox(Sys& sys, const std::string& path, const std::string& inbox) {
  UniqueFd folder = open_directory(sys, inbox);
  if (sys.flock(folder.get(), LOCK_EX | LOCK_NB).error() == EWOULDBLOCK) {
    throw_errno(EAGAIN, "init", inbox, "another process has locked it; try again");
  }
  require_no_other_queue(sys, folder.get(), path, inbox);
  // Without attributes, or in a folder of another user, nothing can be noted.
  static_cast<void>(sys.fsetxattr(folder.get(), kQueueAttribute, path.data(), path.size()));
  return folder;
}

}  // namespace

std::optional<std::string> queue_of_inbox(Sys& sys, int folder, const std::string& inbox) {
  std::array<char, PATH_MAX> value{};
  const SysResult got = sys.fgetxattr(folder, kQueueAttribute, value.data(), value.size());
  if (!got.ok()) return std::nullopt;
  std::string path{value.data(), static_cast<std::size_t>(got.value())};
  if (!path.starts_with('/')) return std::nullopt;
  try {
    const UniqueFd root = open_directory(sys, path);
    const UniqueFd link = open_link(sys, root.get(), link_name(), link_path(path));
    if (!S_ISLNK(status_of(sys, link.get(), link_path(path)).st_mode)) return std::nullopt;
    if (target_of(sys, link, link_path(path)) != inbox) return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;  // The queue was removed, or made again without the inbox.
  }
  return path;
}

void require_inbox(Sys& sys, int beside, const std::string& path, const std::string& inbox) {
  const UniqueFd folder = open_directory(sys, inbox);
  if (is_inside(inbox, path)) {
    throw_errc(errc::bad_value, "init", inbox, "an inbox is no part of its queue");
  }
  if (has_settings(sys, folder.get())) {
    throw_errc(errc::bad_value, "init", inbox, "it is a queue itself, not an inbox of one");
  }
  require_no_other_queue(sys, folder.get(), path, inbox);
  const std::size_t slash = inbox.rfind('/');
  const std::string parent_path = slash == 0 ? "/" : inbox.substr(0, slash);
  const UniqueFd parent = open_directory(sys, parent_path);
  if (has_settings(sys, parent.get()) && is_folder_name(inbox.substr(slash + 1))) {
    throw_errc(errc::bad_value, "init", inbox,
               fmt::format("it is a folder of the queue {}", parent_path));
  }
  if (status_of(sys, folder.get(), inbox).st_dev != status_of(sys, beside, path).st_dev ||
      mount_of(sys, folder.get(), inbox) != mount_of(sys, beside, path)) {
    throw_errno(EXDEV, "init", inbox,
                fmt::format("it is on another file system than {0}; 'spoolq adopt {1} {0}' takes "
                            "files from there",
                            path, inbox));
  }
}

void link_inbox(Sys& sys, int root, const std::string& path, const std::string& inbox) {
  const bool linked = is_linked(sys, root, path, inbox);
  const UniqueFd locked = mark_inbox(sys, path, inbox);
  if (linked) return;
  const std::string link = fmt::format(".{}.{}", link_name(), random_token());
  require(sys.symlinkat(inbox.c_str(), root, link.c_str()), "link", link_path(path));
  try {
    put_in_place(sys, root, path, inbox, link);
  } catch (...) {
    static_cast<void>(sys.unlinkat(root, link.c_str()));
    throw;
  }
}

UniqueFd open_inbox(Sys& sys, int root, const std::string& path, int error) {
  const UniqueFd link = open_link(sys, root, link_name(), link_path(path));
  if (!S_ISLNK(status_of(sys, link.get(), link_path(path)).st_mode)) {
    throw_errno(error, "open", link_path(path));
  }
  require_made_by_owner(sys, root, link, link_path(path));
  const std::string target = target_of(sys, link, link_path(path));
  const auto leads_nowhere = [&](const char* why) {
    throw_errc(errc::not_a_queue, "open", link_path(path),
               fmt::format("a link to {}, {}; for another inbox 'rm {}', then 'spoolq init --inbox "
                           "DIR {}'",
                           escaped(target), why, link_path(path), path));
  };
  if (!target.starts_with('/')) leads_nowhere("which is not an absolute path");
  try {
    UniqueFd folder = open_directory(sys, target);
    require_within_reach(sys, root, link, folder.get(), link_path(path), target);
    return folder;
  } catch (const Error& failure) {
    if (failure.code() == std::errc::no_such_file_or_directory) leads_nowhere("where nothing is");
    if (failure.code() == std::errc::not_a_directory) leads_nowhere("which is not a folder");
    if (failure.code() == std::errc::too_many_symbolic_link_levels) {
      leads_nowhere("with a symbolic link on the way");
    }
    throw;
  }
}

}  // namespace spoolq::detail
