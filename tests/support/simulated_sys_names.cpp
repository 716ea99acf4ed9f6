// The calls about names in directories and about attributes.
#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <utility>

#include "tests/support/simulated_sys.hpp"

namespace spoolq::test {
namespace {

constexpr std::size_t kXattrBytesMax = 4024;  // Of all of a file, as on ext4 with 4 KiB blocks.
constexpr std::size_t kXattrValueMax = 65536;

SysResult failure(int error) { return SysResult::failure(error); }

unsigned char type_of(const Inode& inode) { return static_cast<unsigned char>(IFTODT(inode.mode)); }

/// What the xattr calls answer for a name before they look at the file's attributes; 0 is good.
int xattr_name_error(const Inode& inode, const char* name, int wrong_type) {
  const std::string_view view{name};
  if (view.empty() || view.size() > 255) return ERANGE;
  if (!view.starts_with("user.")) return EOPNOTSUPP;
  if (view.size() == 5) return EINVAL;
  return inode.is_file() || inode.is_directory() ? 0 : wrong_type;
}

SysResult copy_out(std::string_view value, void* buffer, std::size_t size) {
  if (size == 0) return SysResult::success(static_cast<std::int64_t>(value.size()));
  if (size < value.size()) return failure(ERANGE);
  std::copy(value.begin(), value.end(), static_cast<char*>(buffer));
  return SysResult::success(static_cast<std::int64_t>(value.size()));
}

/// Appends a linux_dirent64 at `used`; false when it does not fit.
bool append_record(char* buffer, std::size_t size, std::size_t& used, const DirectoryEntry& entry,
                   unsigned char type, std::uint64_t next) {
  constexpr std::size_t kHeader = offsetof(struct dirent64, d_name);
  const std::size_t length = (kHeader + entry.name.size() + 1 + 7) / 8 * 8;
  if (length > size - used) return false;
  char* record = buffer + used;
  std::memset(record, 0, length);
  const auto put = [record](std::size_t offset, const auto& value) {
    std::memcpy(record + offset, &value, sizeof value);
  };
  put(offsetof(struct dirent64, d_ino), static_cast<std::uint64_t>(entry.inode));
  put(offsetof(struct dirent64, d_off), static_cast<std::int64_t>(next));
  put(offsetof(struct dirent64, d_reclen), static_cast<unsigned short>(length));
  put(offsetof(struct dirent64, d_type), type);
  std::copy(entry.name.begin(), entry.name.end(), record + kHeader);
  used += length;
  return true;
}

}  // namespace

SysResult SimulatedSys::fstatat(int dir, const char* name, struct stat& status) {
  return run(Call::fstatat, dir, name, [&] {
    ino_t directory = 0;
    Place place;
    SysResult result = parent_of(dir, name, directory);
    if (result.ok()) result = walk(directory, name, false, 0, place);
    if (!result.ok()) return result;
    if (place.inode == 0) return failure(ENOENT);
    fill_status(place.inode, status);
    return SysResult::success();
  });
}

SysResult SimulatedSys::statx(int dir, const char* name, struct stat& status,
                              struct timespec& born) {
  return run(Call::statx, dir, name, [&] {
    const OpenFile* file = find(dir);
    ino_t number = file == nullptr ? 0 : file->inode;
    if (name[0] != '\0') {
      ino_t directory = 0;
      Place place;
      SysResult result = parent_of(dir, name, directory);
      if (result.ok()) result = walk(directory, name, false, 0, place);
      if (!result.ok()) return result;
      if (place.inode == 0) return failure(ENOENT);
      number = place.inode;
    }
    if (number == 0) return failure(EBADF);
    fill_status(number, status);
    born = disk_.inode(number).born;
    return SysResult::success();
  });
}

SysResult SimulatedSys::mkdirat(int dir, const char* name, mode_t mode) {
  return run(Call::mkdirat, dir, name, [&] {
    ino_t directory = 0;
    Place place;
    SysResult result = parent_of(dir, name, directory);
    if (result.ok()) result = walk(directory, name, false, 0, place);
    if (!result.ok()) return result;
    if (place.inode != 0) return failure(EEXIST);
    if (capacity_ && free_bytes() < 4096) return failure(ENOSPC);
    disk_.create(directory, name, S_IFDIR | (mode & 01777U), now());
    return SysResult::success();
  });
}

SysResult SimulatedSys::remove(ino_t directory, const char* name, int flags) {
  const bool removes_directory = (flags & AT_REMOVEDIR) != 0;
  if ((flags & ~AT_REMOVEDIR) != 0) return failure(EINVAL);
  const std::string_view view{name};
  if (view == ".") return failure(removes_directory ? EINVAL : EISDIR);
  if (view == "..") return failure(removes_directory ? ENOTEMPTY : EISDIR);
  const ino_t number = disk_.image().lookup(directory, name);
  if (number == 0) return failure(ENOENT);
  const Inode& inode = disk_.inode(number);
  if (removes_directory) {
    if (!inode.is_directory()) return failure(ENOTDIR);
    if (!inode.entries.empty()) return failure(ENOTEMPTY);
  } else if (inode.is_directory()) {
    return failure(EISDIR);
  }
  disk_.remove(directory, name, now());
  if (disk_.inode(number).names == 0) release(number);
  return SysResult::success();
}

SysResult SimulatedSys::unlinkat(int dir, const char* name, int flags) {
  return run(Call::unlinkat, dir, name, [&] {
    ino_t directory = 0;
    const SysResult result = parent_of(dir, name, directory);
    return result.ok() ? remove(directory, name, flags) : result;
  });
}

SysResult SimulatedSys::symlinkat(const char* target, int dir, const char* name) {
  return run(Call::symlinkat, dir, name, [&] {
    ino_t directory = 0;
    Place place;
    SysResult result = parent_of(dir, name, directory);
    if (result.ok()) result = walk(directory, name, false, 0, place);
    if (!result.ok()) return result;
    if (place.inode != 0) return failure(EEXIST);
    if (target[0] == '\0') return failure(ENOENT);
    if (capacity_ && free_bytes() < 4096) return failure(ENOSPC);
    disk_.create(directory, name, S_IFLNK | 0777U, now(), target);
    return SysResult::success();
  });
}

SysResult SimulatedSys::readlinkat(int fd, char* buffer, std::size_t size) {
  return run(Call::readlinkat, fd, nullptr, [&] {
    if (size == 0) return failure(EINVAL);
    const OpenFile* file = find(fd);
    if (file == nullptr) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    if (!inode.is_symlink()) return failure(ENOENT);
    return SysResult::success(static_cast<std::int64_t>(inode.content.copy(buffer, size)));
  });
}

SysResult SimulatedSys::rename_error(ino_t source, ino_t target, ino_t to_dir) const {
  for (ino_t each = to_dir; each != SimulatedDisk::kRoot; each = disk_.inode(each).parent) {
    if (each == source) return failure(EINVAL);  // Into itself.
  }
  if (target == 0) return SysResult::success();
  const bool moves_directory = disk_.inode(source).is_directory();
  const Inode& replaced = disk_.inode(target);
  if (moves_directory && !replaced.is_directory()) return failure(ENOTDIR);
  if (!moves_directory && replaced.is_directory()) return failure(EISDIR);
  return replaced.entries.empty() ? SysResult::success() : failure(ENOTEMPTY);
}

SysResult SimulatedSys::exchange(ino_t directory, const char* one, ino_t other_directory,
                                 const char* other) {
  // Nobody needs it between two directories, whose trees it would have to keep in order.
  if (directory != other_directory) return failure(EOPNOTSUPP);
  if (disk_.image().lookup(directory, one) == 0 || disk_.image().lookup(directory, other) == 0) {
    return failure(ENOENT);
  }
  disk_.exchange(directory, one, other, now());
  return SysResult::success();
}

SysResult SimulatedSys::rename(ino_t from_dir, const char* from, ino_t to_dir, const char* to,
                               unsigned flags) {
  if (flags > RENAME_EXCHANGE || flags == (RENAME_NOREPLACE | RENAME_EXCHANGE)) {
    return failure(EINVAL);
  }
  for (const std::string_view name : {from, to}) {
    if (name == "." || name == "..") return failure(EBUSY);
  }
  if (flags == RENAME_EXCHANGE) return exchange(from_dir, from, to_dir, to);
  const ino_t source = disk_.image().lookup(from_dir, from);
  const ino_t target = disk_.image().lookup(to_dir, to);
  if (source == 0) return failure(ENOENT);
  if (target != 0 && (flags & RENAME_NOREPLACE) != 0) return failure(EEXIST);
  if (disk_.inode(to_dir).names == 0) return failure(ENOENT);
  if (source == target) return SysResult::success();
  const SysResult error = rename_error(source, target, to_dir);
  if (!error.ok()) return error;
  disk_.rename(from_dir, from, to_dir, to, now());
  if (target != 0 && disk_.inode(target).names == 0) release(target);
  return SysResult::success();
}

SysResult SimulatedSys::renameat2(int from_dir, const char* from, int to_dir, const char* to,
                                  unsigned flags) {
  const std::lock_guard lock{mutex_};
  tick();
  ino_t source = 0;
  ino_t target = 0;
  SysResult result = parent_of(from_dir, from, source);
  if (result.ok()) result = parent_of(to_dir, to, target);
  if (result.ok()) result = rename(source, from, target, to, flags);
  if (recording_) record(Call::renameat2, describe(from_dir, from), describe(to_dir, to), result);
  return result;
}

SysResult SimulatedSys::getdents64(int fd, void* buffer, std::size_t size) {
  return run(Call::getdents64, fd, nullptr, [&] {
    OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    if (!inode.is_directory()) return failure(ENOTDIR);
    if (inode.names == 0) return failure(ENOENT);
    char* bytes = static_cast<char*>(buffer);
    std::size_t used = 0;
    bool full = false;
    const auto append = [&](const DirectoryEntry& entry, unsigned char type, std::uint64_t next) {
      full = !append_record(bytes, size, used, entry, type, next);
      if (!full) file->offset = next;
      return !full;
    };
    if (file->offset == 0) append({".", inode.number}, DT_DIR, 1);
    if (file->offset == 1 && !full) append({"..", inode.parent}, DT_DIR, 2);
    auto entry = inode.entries.lower_bound(file->offset);
    for (; !full && file->offset >= 2 && entry != inode.entries.end(); ++entry) {
      if (!append(entry->second, type_of(disk_.inode(entry->second.inode)), entry->first + 1))
        break;
    }
    if (full && used == 0) return failure(EINVAL);
    return SysResult::success(static_cast<std::int64_t>(used));
  });
}

SysResult SimulatedSys::fsetxattr(int fd, const char* name, const void* value, std::size_t size) {
  return run(Call::fsetxattr, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    const int error = xattr_name_error(inode, name, EPERM);
    if (error != 0) return failure(error);
    if (size > kXattrValueMax) return failure(E2BIG);
    std::size_t used = std::strlen(name) + size;
    for (const auto& [other, bytes] : inode.attributes) {
      if (other != name) used += other.size() + bytes.size();
    }
    if (used > kXattrBytesMax) return failure(ENOSPC);
    disk_.set_xattr(file->inode, name, {static_cast<const char*>(value), size}, now());
    return SysResult::success();
  });
}

SysResult SimulatedSys::fgetxattr(int fd, const char* name, void* value, std::size_t size) {
  return run(Call::fgetxattr, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    const int error = xattr_name_error(inode, name, ENODATA);
    if (error != 0) return failure(error);
    const auto found = inode.attributes.find(name);
    return found == inode.attributes.end() ? failure(ENODATA)
                                           : copy_out(found->second, value, size);
  });
}

SysResult SimulatedSys::flistxattr(int fd, char* list, std::size_t size) {
  return run(Call::flistxattr, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    std::string names;
    for (const auto& each : disk_.inode(file->inode).attributes) names += each.first + '\0';
    return copy_out(names, list, size);
  });
}

SysResult SimulatedSys::fremovexattr(int fd, const char* name) {
  return run(Call::fremovexattr, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    const int error = xattr_name_error(inode, name, EPERM);
    if (error != 0) return failure(error);
    if (!inode.attributes.contains(name)) return failure(ENODATA);
    disk_.remove_xattr(file->inode, name, now());
    return SysResult::success();
  });
}

}  // namespace spoolq::test
