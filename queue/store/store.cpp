// Acting on places.
#include "queue/store/store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>

#include "queue/format/message_id.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

/// How much longer than `settle` a file waits whose writers the kernel does not tell of.
constexpr int kBlindFactor = 10;

}  // namespace

bool Store::has(State state) const { return queue_.folders().has(folder_of(state)); }

void Store::require(State state) const { static_cast<void>(queue_.fd(folder_of(state))); }

Location Store::place(State state, std::string_view file) {
  return {folder_of(state), std::string{file}};
}

std::string Store::path(const Location& at) const { return queue_.path(at.folder(), at.file()); }

std::string Store::path(State state) const { return queue_.path(folder_of(state)); }

std::string Store::shown(const Location& at) {
  return fmt::format("{}/{}", folder_name(at.folder()), escaped(at.file()));
}

void Store::scan(State state, const std::function<bool(const StoredMessage&)>& visit,
                 Foreign foreign) const {
  if (!has(state)) return;
  const Folder folder = folder_of(state);
  const auto visit_entry = [&](const DirectoryEntry& entry) {
    if (state == State::ready) {
      const EntryKind kind = classify(queue_, entry.name, entry.type);
      const bool is_wanted =
          kind == EntryKind::message || (kind == EntryKind::foreign && foreign == Foreign::derived);
      if (!is_wanted) return true;
    }
    // From cur/ and later/ maintenance takes it to new/, and from there it goes to bad/.
    const bool stays = state == State::failed || state == State::done;
    if (stays && !entry.may_be_regular()) return true;
    const auto message = find({folder, std::string{entry.name}});
    return !message || visit(*message);
  };
  scan_directory(queue_.sys(), queue_.fd(folder), queue_.path(folder), visit_entry);
}

void Store::scan_files(State state, const std::function<bool(const DirectoryEntry&)>& visit) const {
  scan_directory(queue_.sys(), queue_.fd(folder_of(state)), path(state), visit);
}

bool Store::has_files(State state) const {
  bool any = false;
  scan_files(state, [&any](const DirectoryEntry&) { return !(any = true); });
  return any;
}

void Store::require_folder(State state, const char* operation) const {
  struct stat status = {};
  if (!queue_.sys().fstat(queue_.fd(folder_of(state)), status).ok() || status.st_nlink > 0) return;
  throw_errc(errc::not_a_queue, operation, path(state), "it was removed");
}

std::uint64_t Store::count_quarantine() const {
  std::uint64_t count = 0;
  if (!queue_.folders().has(Folder::bad)) return 0;
  scan_directory(queue_.sys(), queue_.fd(Folder::bad), queue_.path(Folder::bad),
                 [&](const DirectoryEntry&) { return ++count > 0; });
  return count;
}

bool Store::is_in_quarantine(const MessageId& id) const {
  bool found = false;
  if (!queue_.folders().has(Folder::bad)) return false;
  scan_directory(queue_.sys(), queue_.fd(Folder::bad), queue_.path(Folder::bad),
                 [&](const DirectoryEntry& entry) {
                   const auto name = parse_name(entry.name);
                   return !(found = name && name->id == id);
                 });
  return found;
}

std::optional<StoredMessage> Store::find(Location at) const {
  StoredMessage message;
  if (at.folder() == Folder::later) {
    auto delayed = parse_delayed_name(at.file());
    if (!delayed) return std::nullopt;
    message.name = std::move(delayed->name);
    message.due = delayed->due;
  } else if (auto name = parse_name(at.file())) {
    // Without C it is the mail of a Maildir.
    if (at.folder() == Folder::claimed && name->claim.empty()) return std::nullopt;
    message.name = std::move(*name);
  } else {
    auto derived = at.folder() == Folder::ready ? derive_name(at, at.file()) : std::nullopt;
    if (!derived) return std::nullopt;
    message.name = std::move(*derived);
    message.is_named = false;
  }
  message.at = std::move(at);
  return message;
}

std::optional<StoredMessage> Store::find_path(State state, std::string_view path) const {
  return find(place(state, path.substr(path.rfind('/') + 1)));
}

UniqueFd Store::open(const Location& at) const {
  const SysResult opened =
      queue_.sys().openat(queue_.fd(at.folder()), at.file().c_str(), kReadFlags);
  if (!opened.ok()) throw_errno(opened.error(), "open", path(at));
  return UniqueFd{queue_.sys(), opened};
}

UniqueFd Store::try_open(const Location& at) const {
  return UniqueFd{queue_.sys(),
                  queue_.sys().openat(queue_.fd(at.folder()), at.file().c_str(), kReadFlags)};
}

SysResult Store::stat(const Location& at, struct stat& status) const {
  return queue_.sys().fstatat(queue_.fd(at.folder()), at.file().c_str(), status);
}

bool Store::is_at(const Location& at, ino_t inode) const {
  struct stat status = {};
  return stat(at, status).ok() && status.st_ino == inode;
}

std::optional<bool> Store::has_writer(const Location& at) const {
  return detail::has_writer(queue_.sys(), queue_.fd(at.folder()), at.file());
}

std::optional<MessageName> Store::derive_name(const Location& at, std::string_view file) const {
  struct stat status = {};
  struct timespec born = {};
  const auto found = queue_.sys().statx(queue_.fd(at.folder()), at.file().c_str(), status, born);
  if (!found.ok() || !S_ISREG(status.st_mode)) return std::nullopt;
  if (!keeps_birth_times(queue_.folders().file_system())) born = {};
  return detail::derive_name(queue_, file, identity_of(status, born));
}

bool Store::is_settled(const Location& at) const {
  struct stat status = {};
  if (!stat(at, status).ok() || !S_ISREG(status.st_mode)) return false;
  const auto writer = has_writer(at);
  // Also with a second link or a Maildir name: `cp` makes files of any name, and a backup may have
  // linked to one that is not complete.
  if (writer == true) return false;
  // Looked at after that, for what a writer did that has gone meanwhile.
  if (!stat(at, status).ok()) return false;
  // Only with the lease: a backup may have linked to a file that its writer still has open.
  if (writer == false && status.st_nlink > 1) return true;
  const bool is_delivered = writer == false && is_maildir_name(at.file());
  if (is_delivered && status.st_size > 0) return true;
  Duration wait = queue_.settings()->settle;
  // An empty message, or a placeholder that happens to have such a name.
  if (!writer || is_delivered) wait *= kBlindFactor;
  // By the time of the last change of the inode, which no writer can set back, as it can the time
  // of modification. A clock that was set back since counts as time gone by.
  const Duration age = queue_.now() - time_of(status.st_ctim);
  return std::chrono::abs(age) >= wait && (status.st_size > 0 || is_delivered);
}

std::optional<StoredMessage> Store::move(const Location& from, Destination to, Ballast ballast) {
  return rename_into(queue_.sys(), queue_.fd(from.folder()), queue_.path(from.folder()),
                     from.file(), queue_, std::move(to), ballast);
}

std::optional<StoredMessage> Store::move(const Location& from, Store& target, Destination to) {
  return rename_into(queue_.sys(), queue_.fd(from.folder()), queue_.path(from.folder()),
                     from.file(), target.queue_, std::move(to), Ballast::give);
}

std::optional<StoredMessage> Store::bring_in(int directory, const std::string& path,
                                             const std::string& file, Destination to,
                                             Ballast ballast) {
  return rename_into(queue_.sys(), directory, path, file, queue_, std::move(to), ballast);
}

bool Store::put_back(const Location& claimed, const Location& before) {
  // On every file system: where a rename cannot keep from replacing, the answer is false.
  const SysResult renamed =
      queue_.sys().renameat2(queue_.fd(claimed.folder()), claimed.file().c_str(),
                             queue_.fd(before.folder()), before.file().c_str(), RENAME_NOREPLACE);
  return renamed.ok() || renamed.error() == ENOENT;
}

bool Store::rename_back(const Location& claimed, const Location& before) {
  const SysResult renamed =
      rename_new(queue_.sys(), queue_.fd(claimed.folder()), claimed.file().c_str(),
                 queue_.fd(before.folder()), before.file().c_str());
  return renamed.ok() || renamed.error() == ENOENT;
}

bool Store::remove(const Location& at) {
  const SysResult removed = queue_.sys().unlinkat(queue_.fd(at.folder()), at.file().c_str());
  if (removed.error() == ENOENT) return false;
  if (!removed.ok()) throw_errno(removed.error(), "unlink", path(at));
  return true;
}

bool Store::try_remove(const Location& at) {
  return queue_.sys().unlinkat(queue_.fd(at.folder()), at.file().c_str()).ok();
}

void Store::quarantine(const Location& at, const std::string& reason) {
  Sys& sys = queue_.sys();
  const int from_dir = queue_.fd(at.folder());
  const int to_dir = queue_.fd(Folder::bad);
  const std::string& file = at.file();
  SysResult renamed = rename_new(sys, from_dir, file.c_str(), to_dir, file.c_str());
  if (renamed.error() == EEXIST || renamed.error() == ENAMETOOLONG) {
    const std::string fresh = "bad-" + random_token();
    renamed = rename_new(sys, from_dir, file.c_str(), to_dir, fresh.c_str());
  }
  if (renamed.error() == ENOENT) return;
  if (!renamed.ok()) throw_errno(renamed.error(), "rename", path(at));
  queue_.log(LogLevel::warning, fmt::format("{} moved to bad/: {}", shown(at), reason));
}

void Store::quarantine_unless_regular(const Location& at) {
  Sys& sys = queue_.sys();
  const int folder = queue_.fd(at.folder());
  const int bad = queue_.fd(Folder::bad);
  const std::string& file = at.file();
  const std::string seized = "bad-" + random_token();
  const SysResult renamed = rename_new(sys, folder, file.c_str(), bad, seized.c_str());
  if (renamed.error() == ENOENT) return;
  if (!renamed.ok()) throw_errno(renamed.error(), "rename", path(at));
  struct stat status = {};
  const bool is_regular = sys.fstatat(bad, seized.c_str(), status).ok() && S_ISREG(status.st_mode);
  if (is_regular && rename_new(sys, bad, seized.c_str(), folder, file.c_str()).ok()) return;
  const std::string where = shown(at);
  if (is_regular) {
    queue_.log(
        LogLevel::warning,
        fmt::format("{} was replaced twice while it was looked at; one of its files is bad/{}",
                    where, seized));
    return;
  }
  // Its own name, if that is free there.
  static_cast<void>(rename_new(sys, bad, seized.c_str(), bad, file.c_str()));
  queue_.log(LogLevel::warning, fmt::format("{} moved to bad/: not a regular file", where));
}

void Store::sync(std::initializer_list<State> changed) {
  queue_.durability().sync_changed(changed);
}

}  // namespace spoolq::detail
