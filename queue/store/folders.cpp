// Opening a queue's folders.
#include "queue/store/folders.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/openat2.h>

#include <algorithm>
#include <boost/filesystem.hpp>
#include <cerrno>
#include <utility>

#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/inbox.hpp"

namespace spoolq::detail {
namespace {

constexpr std::array<const char*, kFolderCount> kNames{"tmp",    "new",  "cur", "later",
                                                       "failed", "done", "bad", "consumers"};

/// What a Maildir has.
constexpr int kMaildirFolders = 3;

/// Refuses a folder on another mount, and one that everybody may write to. Of an inbox the second
/// does not hold: it is the affair of those who drop files there.
void check_folder(Sys& sys, int fd, const std::string& path, std::uint64_t device,
                  std::uint64_t mount, bool is_inbox = false) {
  const struct stat status = stat_file(sys, fd, path);
  std::uint64_t own_mount = 0;
  require(sys.mount_id(fd, own_mount), "stat", path);
  // A bind mount has the same device, and a rename into it still fails.
  if (status.st_dev != device || own_mount != mount) {
    throw_errno(EXDEV, "open", path, "all folders of a queue must be on one mount");
  }
  if (!is_inbox && (status.st_mode & S_IWOTH) != 0) {
    throw_errc(errc::unsafe_permissions, "open", path, "chmod o-w it");
  }
}

}  // namespace

const char* folder_name(Folder folder) { return kNames[static_cast<std::size_t>(folder)]; }

bool is_folder_name(std::string_view name) {
  return std::find(kNames.begin(), kNames.end(), name) != kNames.end();
}

Folder folder_of(State state) {
  switch (state) {
    case State::ready:
      return Folder::ready;
    case State::claimed:
      return Folder::claimed;
    case State::delayed:
      return Folder::later;
    case State::failed:
      return Folder::failed;
    case State::done:
      break;
  }
  return Folder::done;
}

State state_of(Folder folder) {
  for (const State state : {State::ready, State::claimed, State::delayed, State::failed}) {
    if (folder_of(state) == folder) return state;
  }
  return State::done;
}

std::string canonical_path(const std::string& path) {
  boost::system::error_code error;
  // The working directory may be gone, and an absolute path does not need it.
  const boost::filesystem::path given{path};
  const auto canonical = given.is_absolute() ? boost::filesystem::canonical(given, "/", error)
                                             : boost::filesystem::canonical(given, error);
  if (error) throw_errno(error.value(), "open", path);
  std::string text = canonical.string();
  // Boost 1.81 keeps a slash at the end, 1.74 does not.
  if (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

UniqueFd open_directory(Sys& sys, const std::string& path) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  SysResult opened =
      sys.openat2(AT_FDCWD, path.c_str(), kFlags, RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
  // Kernels before 5.6, and sandboxes that do not know the call.
  if (opened.error() == ENOSYS || opened.error() == EPERM) {
    opened = sys.openat(AT_FDCWD, path.c_str(), kFlags | O_NOFOLLOW);
  }
  require(opened, "open", path);
  return UniqueFd{sys, opened};
}

Folders::Folders(Sys& sys, std::string path) : path_{std::move(path)} {
  root_ = open_directory(sys, path_);
  const struct stat status = stat_file(sys, root_.get(), path_);
  std::uint64_t mount = 0;
  require(sys.mount_id(root_.get(), mount), "stat", path_);
  require(sys.file_system(root_.get(), file_system_), "statfs", path_);
  check_folder(sys, root_.get(), path_, status.st_dev, mount);
  for (int i = 0; i < kFolderCount; ++i) {
    const auto folder = static_cast<Folder>(i);
    auto& fd = fds_[static_cast<std::size_t>(i)];
    const SysResult opened = sys.openat(root_.get(), folder_name(folder), kDirectoryFlags);
    if (folder == Folder::ready && (opened.error() == ENOTDIR || opened.error() == ELOOP)) {
      fd = open_inbox(sys, root_.get(), path_, opened.error());
      has_inbox_ = true;
      check_folder(sys, fd.get(), this->path(folder), status.st_dev, mount, has_inbox_);
      continue;
    }
    if (!opened.ok()) {
      if (opened.error() != ENOENT) throw_errno(opened.error(), "open", this->path(folder));
      if (i < kMaildirFolders) {
        throw_errc(errc::not_a_queue, "open", path_,
                   fmt::format("it has no {}/", folder_name(folder)));
      }
      continue;
    }
    fd = UniqueFd{sys, opened};
    check_folder(sys, fd.get(), this->path(folder), status.st_dev, mount);
  }
}

void Folders::set_mode(Sys& sys, mode_t mode) const {
  const auto change = [&](int fd, const std::string& path) {
    require(sys.fchmod(fd, mode), "chmod", path);
  };
  change(root_.get(), path_);
  for (int i = 0; i < kFolderCount; ++i) {
    const auto folder = static_cast<Folder>(i);
    if (has(folder) && (folder != Folder::ready || !has_inbox_)) change(fd(folder), path(folder));
  }
}

bool Folders::is_same_mount(Sys& sys, int directory, const std::string& path) const {
  std::uint64_t mounts[2] = {};
  const int ready = fd(Folder::ready);
  for (const auto& result : {sys.mount_id(directory, mounts[0]), sys.mount_id(ready, mounts[1])}) {
    require(result, "stat", path);
  }
  return mounts[0] == mounts[1] &&
         stat_file(sys, directory, path).st_dev == stat_file(sys, ready, path).st_dev;
}

const char* Folders::name_of(Sys& sys, int directory) const {
  for (int i = 0; i < kFolderCount; ++i) {
    const auto folder = static_cast<Folder>(i);
    if (!has(folder)) continue;
    const struct stat ours = stat_file(sys, fd(folder), path(folder));
    if (is_same_file(stat_file(sys, directory, path_), ours)) return folder_name(folder);
  }
  return nullptr;
}

void Folders::require_different(Sys& sys, const Folders& other, const char* operation) const {
  const auto is_same = [&](int one, int two) {
    return is_same_file(stat_file(sys, one, other.path()), stat_file(sys, two, other.path()));
  };
  if (is_same(root(), other.root())) {
    throw_errc(errc::bad_value, operation, other.path(), "it is the same queue");
  }
  if (is_same(fd(Folder::ready), other.fd(Folder::ready))) {
    throw_errc(errc::bad_value, operation, other.path(), "it has the same inbox");
  }
}

std::string Folders::path(Folder folder, std::string_view file) const {
  return file.empty() ? fmt::format("{}/{}", path_, folder_name(folder))
                      : fmt::format("{}/{}/{}", path_, folder_name(folder), file);
}

bool Folders::has(Folder folder) const {
  return static_cast<bool>(fds_[static_cast<std::size_t>(folder)]);
}

int Folders::fd(Folder folder) const {
  if (!has(folder)) {
    throw_errc(errc::not_a_queue, "open", path(folder),
               fmt::format("a Maildir without it; 'spoolq init {}' adds what is missing", path_));
  }
  return fds_[static_cast<std::size_t>(folder)].get();
}

}  // namespace spoolq::detail
