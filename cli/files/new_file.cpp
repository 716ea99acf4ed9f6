// Creating, comparing and renaming new files.
#include "cli/files/new_file.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

namespace spoolq::cli {
namespace {

/// Fills `buffer` as far as the file goes; -1 with errno on failure.
ssize_t read_full(const File& file, std::vector<char>& buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = ::read(file.get(), buffer.data() + filled, buffer.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(filled);
}

}  // namespace

File open_folder(const std::string& path) {
  return File{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
}

File open_to_read(const File& folder, const std::string& name) {
  return File{::openat(folder.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
}

bool is_named(const File& folder, const std::string& name, const File& file) {
  struct stat named{};
  struct stat opened{};
  return ::fstatat(folder.get(), name.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         ::fstat(file.get(), &opened) == 0 && named.st_dev == opened.st_dev &&
         named.st_ino == opened.st_ino;
}

bool sync_folder(const File& folder) {
  struct statfs status{};
  if (::fstatfs(folder.get(), &status) != 0) return false;
  const bool per_folder = status.f_type == EXT4_SUPER_MAGIC || status.f_type == XFS_SUPER_MAGIC;
  return (per_folder ? ::fsync(folder.get()) : ::syncfs(folder.get())) == 0;
}

NewFile::NewFile(const File& folder, std::string name, mode_t mode)
    : folder_{&folder},
      name_{std::move(name)},
      file_{::openat(folder.get(), name_.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)} {
  if (!file_) leave();
}

NewFile::NewFile(NewFile&& other) noexcept
    : folder_{std::exchange(other.folder_, nullptr)},
      name_{std::move(other.name_)},
      file_{std::move(other.file_)} {}

bool NewFile::write(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::write(get(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

bool NewFile::sync() const { return ::fsync(get()) == 0; }

bool NewFile::rename(const File& folder, const std::string& name) {
  if (::renameat2(folder_->get(), name_.c_str(), folder.get(), name.c_str(), RENAME_NOREPLACE) ==
      0) {
    leave();
    return true;
  }
  // No such rename on this file system; a link does not overwrite either.
  if ((errno != EINVAL && errno != ENOSYS) ||
      ::linkat(folder_->get(), name_.c_str(), folder.get(), name.c_str(), 0) != 0) {
    return false;
  }
  (void)remove();
  return true;
}

bool NewFile::remove() {
  if (folder_ == nullptr) return true;
  const bool removed = !is_there() || ::unlinkat(folder_->get(), name_.c_str(), 0) == 0;
  leave();
  return removed;
}

std::optional<bool> NewFile::has_content_of(const File& other) const {
  const File ours = open_to_read(*folder_, name_);
  struct stat status{};
  struct stat our_status{};
  if (!other || !ours || ::fstat(other.get(), &status) != 0 ||
      ::fstat(ours.get(), &our_status) != 0) {
    return std::nullopt;
  }
  if (!S_ISREG(status.st_mode) || status.st_size != our_status.st_size) return false;
  std::vector<char> left(kBufferSize);
  std::vector<char> right(kBufferSize);
  while (true) {
    const ssize_t count = read_full(other, left);
    const ssize_t our_count = read_full(ours, right);
    if (count < 0 || our_count < 0) return std::nullopt;
    const auto size = static_cast<std::size_t>(count);
    if (count != our_count ||
        std::string_view{left.data(), size} != std::string_view{right.data(), size})
      return false;
    if (size < kBufferSize) return true;
  }
}

}  // namespace spoolq::cli
