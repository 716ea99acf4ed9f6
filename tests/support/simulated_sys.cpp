// Paths, descriptors, file content, locks and clocks. Names and attributes are in
// simulated_sys_names.cpp, what tests plant and look at in simulated_sys_control.cpp.
#include "tests/support/simulated_sys.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <utility>

namespace spoolq::test {
namespace {

constexpr int kSymlinksMax = 40;
constexpr std::chrono::seconds kLockWaitMax{10};

SysResult failure(int error) { return SysResult::failure(error); }

[[noreturn]] void broken_promise(const std::string& what) {
  std::fprintf(stderr, "SimulatedSys: %s\n", what.c_str());
  std::abort();
}

std::deque<std::string> components_of(std::string_view path) {
  std::deque<std::string> components;
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    if (slash > 0) components.emplace_back(path.substr(0, slash));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return components;
}

}  // namespace

bool SimulatedSys::OpenFile::path_only() const { return (flags & O_PATH) != 0; }
bool SimulatedSys::OpenFile::readable() const {
  return !path_only() && (flags & O_ACCMODE) != O_WRONLY;
}
bool SimulatedSys::OpenFile::writable() const {
  return !path_only() && (flags & O_ACCMODE) != O_RDONLY;
}

void SimulatedSys::record(Call call, std::string path, std::string to_path, SysResult result) {
  if (recording_) calls_.push_back({call, std::move(path), std::move(to_path), result});
}

std::string SimulatedSys::describe(int fd, const char* name) const {
  if (name != nullptr && name[0] == '/') return name;
  if (fd == -1) return {};
  const auto file = files_.find(fd);
  std::string path = file == files_.end() ? "fd " + std::to_string(fd) : file->second.path;
  if (name != nullptr && std::strcmp(name, ".") != 0) {
    if (!path.ends_with('/')) path += '/';
    path += name;
  }
  return path;
}

SimulatedSys::OpenFile* SimulatedSys::find(int fd) {
  const auto file = files_.find(fd);
  return file == files_.end() ? nullptr : &file->second;
}

SimulatedSys::OpenFile* SimulatedSys::find_opened(int fd) {
  OpenFile* file = find(fd);
  return file == nullptr || file->path_only() ? nullptr : file;
}

SysResult SimulatedSys::directory_of(int dir, const char* path, ino_t& directory) {
  directory = SimulatedDisk::kRoot;
  if (path[0] == '/') return SysResult::success();
  if (dir == AT_FDCWD) broken_promise("relative path without a directory: " + std::string{path});
  if (std::strchr(path, '/') != nullptr) {
    broken_promise("more than one component below a directory: " + std::string{path});
  }
  const OpenFile* file = find(dir);
  if (file == nullptr) return failure(EBADF);
  directory = file->inode;
  return disk_.inode(directory).is_directory() ? SysResult::success() : failure(ENOTDIR);
}

SysResult SimulatedSys::parent_of(int dir, const char* name, ino_t& directory) {
  if (std::strchr(name, '/') != nullptr) {
    broken_promise("a name with a slash: " + std::string{name});
  }
  const SysResult result = directory_of(dir, name, directory);
  if (!result.ok()) return result;
  if (name[0] == '\0') return failure(ENOENT);
  return std::strlen(name) > NAME_MAX ? failure(ENAMETOOLONG) : SysResult::success();
}

SysResult SimulatedSys::walk(ino_t start, std::string_view path, bool follow_last,
                             std::uint64_t resolve, Place& place) const {
  if (path.empty()) return failure(ENOENT);
  if (path.size() >= PATH_MAX) return failure(ENAMETOOLONG);
  const bool beneath = (resolve & RESOLVE_BENEATH) != 0;
  if (path[0] == '/' && beneath) return failure(EXDEV);
  place = Place{start, ".", start};
  std::deque<std::string> rest = components_of(path);
  int symlinks = 0;
  while (!rest.empty()) {
    const std::string name = std::move(rest.front());
    rest.pop_front();
    const Inode& directory = disk_.inode(place.inode);
    if (!directory.is_directory()) return failure(ENOTDIR);
    if (name.size() > NAME_MAX) return failure(ENAMETOOLONG);
    if (name == ".") continue;
    if (name == ".." && beneath && directory.number == start) return failure(EXDEV);
    const ino_t found =
        name == ".." ? directory.parent : disk_.image().lookup(directory.number, name);
    place = Place{directory.number, name, found};
    if (found == 0) {
      // Only the last component may be missing, and only in a directory that still has a name.
      return rest.empty() && directory.names > 0 ? SysResult::success() : failure(ENOENT);
    }
    const Inode& inode = disk_.inode(found);
    if (!inode.is_symlink()) continue;
    if ((resolve & RESOLVE_NO_SYMLINKS) != 0 && (follow_last || !rest.empty()))
      return failure(ELOOP);
    if (rest.empty() && !follow_last) break;
    if (++symlinks > kSymlinksMax) return failure(ELOOP);
    const bool absolute = inode.content.starts_with('/');
    if (absolute && beneath) return failure(EXDEV);
    std::deque<std::string> target = components_of(inode.content);
    rest.insert(rest.begin(), target.begin(), target.end());
    place.inode = absolute ? SimulatedDisk::kRoot : directory.number;
  }
  return SysResult::success();
}

SysResult SimulatedSys::open(int dir, const char* path, int flags, mode_t mode,
                             std::uint64_t resolve) {
  if ((flags & O_TMPFILE) == O_TMPFILE) return failure(EOPNOTSUPP);
  ino_t start = 0;
  Place place;
  SysResult result = directory_of(dir, path, start);
  if (!result.ok()) return result;
  const bool creates = (flags & O_CREAT) != 0 && (flags & O_PATH) == 0;
  const bool exclusive = creates && (flags & O_EXCL) != 0;
  result = walk(start, path, (flags & O_NOFOLLOW) == 0 && !exclusive, resolve, place);
  if (!result.ok()) return result;
  if (place.inode != 0) {
    result = exclusive ? failure(EEXIST) : open_checked(place, flags);
    if (!result.ok()) return result;
  } else {
    if (!creates) return failure(ENOENT);
    place.inode = disk_.create(place.directory, place.name, S_IFREG | (mode & 07777U), now());
  }
  OpenFile file;
  file.inode = place.inode;
  file.flags = flags;
  file.path = describe(dir, path);
  files_.emplace(next_fd_, std::move(file));
  return SysResult::success(next_fd_++);
}

SysResult SimulatedSys::open_checked(const Place& place, int flags) {
  const Inode& inode = disk_.inode(place.inode);
  if ((flags & O_DIRECTORY) != 0 && !inode.is_directory()) return failure(ENOTDIR);
  if ((flags & O_PATH) != 0) return SysResult::success();
  if (inode.is_symlink()) return failure(ELOOP);
  const bool writes = (flags & O_ACCMODE) != O_RDONLY;
  if (inode.is_directory() && (writes || (flags & O_CREAT) != 0)) return failure(EISDIR);
  if (inode.is_fifo()) {
    if ((flags & O_NONBLOCK) == 0) broken_promise("opening a FIFO blocks for ever: " + place.name);
    if ((flags & O_ACCMODE) == O_WRONLY) return failure(ENXIO);
  }
  if ((flags & O_NONBLOCK) != 0 && lease_conflicts(place.inode, writes)) {
    return failure(EWOULDBLOCK);
  }
  if ((flags & O_TRUNC) != 0 && inode.is_file()) disk_.truncate(place.inode, 0, now());
  return SysResult::success();
}

SysResult SimulatedSys::openat(int dir, const char* name, int flags, mode_t mode) {
  return run(Call::openat, dir, name, [&] { return open(dir, name, flags, mode, 0); });
}

SysResult SimulatedSys::openat2(int dir, const char* path, int flags, std::uint64_t resolve) {
  return run(Call::openat2, dir, path, [&] { return open(dir, path, flags, 0, resolve); });
}

void SimulatedSys::release(ino_t inode) {
  const auto has_it = [inode](const auto& each) { return each.second.inode == inode; };
  if (std::none_of(files_.begin(), files_.end(), has_it)) disk_.forget(inode);
}

void SimulatedSys::close_file(std::map<int, OpenFile>::iterator file) {
  const ino_t inode = file->second.inode;
  const bool locked = file->second.lock != 0;
  files_.erase(file);
  if (disk_.inode(inode).names == 0) release(inode);
  if (locked) unlocked_.notify_all();
}

SysResult SimulatedSys::close(int fd) {
  return run(Call::close, fd, nullptr, [&] {
    const auto file = files_.find(fd);
    if (file == files_.end()) return failure(EBADF);
    close_file(file);
    return SysResult::success();
  });
}

SysResult SimulatedSys::read(int fd, void* buffer, std::size_t size) {
  return run(Call::read, fd, nullptr, [&] {
    OpenFile* file = find(fd);
    if (file == nullptr || !file->readable()) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    if (inode.is_directory()) return failure(EISDIR);
    if (file->offset >= inode.content.size()) return SysResult::success(0);
    const std::size_t copied = inode.content.copy(static_cast<char*>(buffer), size, file->offset);
    file->offset += copied;
    return SysResult::success(static_cast<std::int64_t>(copied));
  });
}

std::uint64_t SimulatedSys::free_bytes() const {
  if (!capacity_) return info_.free_bytes;
  return *capacity_ - std::min(*capacity_, disk_.used_bytes());
}

SysResult SimulatedSys::write_bytes(OpenFile& file, std::string_view bytes) {
  const std::uint64_t end = disk_.inode(file.inode).content.size();
  if ((file.flags & O_APPEND) != 0) file.offset = end;
  if (capacity_) {
    const std::uint64_t room = (file.offset < end ? end - file.offset : 0) + free_bytes();
    if (room == 0 && !bytes.empty()) return failure(ENOSPC);
    bytes = bytes.substr(0, room);
  }
  disk_.write(file.inode, file.offset, bytes, now());
  file.offset += bytes.size();
  return SysResult::success(static_cast<std::int64_t>(bytes.size()));
}

SysResult SimulatedSys::write(int fd, const void* bytes, std::size_t size) {
  return run(Call::write, fd, nullptr, [&] {
    OpenFile* file = find(fd);
    if (file == nullptr || !file->writable()) return failure(EBADF);
    if (!disk_.inode(file->inode).is_file()) return failure(EPIPE);
    return write_bytes(*file, std::string_view{static_cast<const char*>(bytes), size});
  });
}

SysResult SimulatedSys::ftruncate(int fd, off_t size) {
  return run(Call::ftruncate, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    if (size < 0 || !file->writable() || !disk_.inode(file->inode).is_file())
      return failure(EINVAL);
    disk_.truncate(file->inode, static_cast<std::uint64_t>(size), now());
    return SysResult::success();
  });
}

SysResult SimulatedSys::fallocate(int fd, off_t size) {
  return run(Call::fallocate, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    if (size <= 0) return failure(EINVAL);
    if (!file->writable()) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    if (!inode.is_file()) return failure(ESPIPE);
    const auto wanted = static_cast<std::uint64_t>(size);
    if (capacity_ && wanted > inode.content.size() + free_bytes()) return failure(ENOSPC);
    disk_.extend(file->inode, wanted, now());
    return SysResult::success();
  });
}

SysResult SimulatedSys::fchmod(int fd, mode_t mode) {
  return run(Call::fchmod, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    disk_.chmod(file->inode, mode, now());
    return SysResult::success();
  });
}

SysResult SimulatedSys::touchat(int dir, const char* name) {
  return run(Call::touchat, dir, name, [&] {
    ino_t start = 0;
    Place place;
    SysResult result = directory_of(dir, name, start);
    if (result.ok()) result = walk(start, name, /*follow_last=*/false, 0, place);
    if (!result.ok()) return result;
    if (place.inode == 0) return failure(ENOENT);
    disk_.touch(place.inode, now());
    return SysResult::success();
  });
}

SysResult SimulatedSys::fsync(int fd) {
  return run(Call::fsync, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    if (disk_.inode(file->inode).is_fifo()) return failure(EINVAL);
    disk_.sync(file->inode);
    return SysResult::success();
  });
}

SysResult SimulatedSys::syncfs(int fd) {
  return run(Call::syncfs, fd, nullptr, [&] {
    if (find_opened(fd) == nullptr) return failure(EBADF);
    disk_.sync_all();
    return SysResult::success();
  });
}

bool SimulatedSys::lease_conflicts(ino_t inode, bool writes) const {
  return std::any_of(files_.begin(), files_.end(), [&](const auto& each) {
    const OpenFile& other = each.second;
    return other.inode == inode && other.leased && (writes || other.lease_excludes_readers);
  });
}

bool SimulatedSys::lock_conflicts(const OpenFile& file, int wanted) const {
  return std::any_of(files_.begin(), files_.end(), [&](const auto& each) {
    const OpenFile& other = each.second;
    return &other != &file && other.inode == file.inode && other.lock != 0 &&
           (wanted == LOCK_EX || other.lock == LOCK_EX);
  });
}

SysResult SimulatedSys::flock(int fd, int operation) {
  return run(Call::flock, fd, nullptr, [&] {
    OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    const int wanted = operation & ~LOCK_NB;
    if (wanted != LOCK_UN && wanted != LOCK_SH && wanted != LOCK_EX) return failure(EINVAL);
    // A conversion gives up the old lock first, as in the kernel.
    if (file->lock != 0 && file->lock != wanted) {
      file->lock = 0;
      unlocked_.notify_all();
    }
    if (wanted == LOCK_UN) return SysResult::success();
    const auto free = [&] { return !lock_conflicts(*file, wanted); };
    if (!free()) {
      if ((operation & LOCK_NB) != 0) return failure(EWOULDBLOCK);
      if (!unlocked_.wait_for(mutex_, kLockWaitMax, free)) {
        broken_promise("waiting too long for the lock of " + file->path);
      }
    }
    file->lock = wanted;
    return SysResult::success();
  });
}

bool SimulatedSys::byte_conflicts(const OpenFile& file, short wanted, std::int64_t place) const {
  return std::any_of(files_.begin(), files_.end(), [&](const auto& each) {
    const OpenFile& other = each.second;
    const auto held = other.bytes.find(place);
    return &other != &file && other.inode == file.inode && held != other.bytes.end() &&
           (wanted == F_WRLCK || held->second == F_WRLCK);
  });
}

SysResult SimulatedSys::lock_byte(int fd, short type, std::int64_t place) {
  return run(Call::lock_byte, fd, nullptr, [&] {
    OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    if (place < 0 || (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK)) {
      return failure(EINVAL);
    }
    if (type == F_UNLCK) {
      file->bytes.erase(place);
      return SysResult::success();
    }
    if (type == F_RDLCK ? !file->readable() : !file->writable()) return failure(EBADF);
    if (byte_conflicts(*file, type, place)) return failure(EAGAIN);
    file->bytes[place] = type;
    return SysResult::success();
  });
}

SysResult SimulatedSys::is_byte_locked(int fd, std::int64_t place) {
  return run(Call::is_byte_locked, fd, nullptr, [&] {
    const OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    if (place < 0) return failure(EINVAL);
    return SysResult::success(byte_conflicts(*file, F_WRLCK, place) ? 1 : 0);
  });
}

bool SimulatedSys::opened_for_writing(ino_t inode) const {
  return std::any_of(files_.begin(), files_.end(), [inode](const auto& each) {
    return each.second.inode == inode && each.second.writable();
  });
}

SysResult SimulatedSys::set_lease(int fd, int type) {
  return run(Call::set_lease, fd, nullptr, [&] {
    OpenFile* file = find_opened(fd);
    if (file == nullptr) return failure(EBADF);
    const Inode& inode = disk_.inode(file->inode);
    if (type != F_RDLCK && type != F_WRLCK && type != F_UNLCK) return failure(EINVAL);
    if (type == F_UNLCK) {
      return std::exchange(file->leased, false) ? SysResult::success() : failure(EAGAIN);
    }
    if (inode.owner != disk_.inode(SimulatedDisk::kRoot).owner) return failure(EACCES);
    if (!inode.is_file()) return failure(EINVAL);
    const auto others = std::count_if(files_.begin(), files_.end(), [&](const auto& each) {
      return each.second.inode == file->inode && !each.second.path_only();
    });
    if (type == F_RDLCK ? opened_for_writing(file->inode) : others > 1) return failure(EAGAIN);
    file->leased = true;
    file->lease_excludes_readers = type == F_WRLCK;
    return SysResult::success();
  });
}

void SimulatedSys::fill_status(ino_t number, struct stat& status) const {
  const Inode& inode = disk_.inode(number);
  status = {};
  status.st_dev = 42;
  status.st_ino = inode.number;
  status.st_mode = inode.mode;
  status.st_nlink = inode.links();
  status.st_uid = inode.owner;
  status.st_gid = ::getegid();
  status.st_size =
      static_cast<off_t>(inode.is_directory() ? inode.directory_size : inode.content.size());
  status.st_blksize = 4096;
  status.st_blocks = (status.st_size + 511) / 512;
  status.st_atim = inode.accessed;
  status.st_mtim = inode.modified;
  status.st_ctim = inode.changed;
}

SysResult SimulatedSys::fstat(int fd, struct stat& status) {
  return run(Call::fstat, fd, nullptr, [&] {
    const OpenFile* file = find(fd);
    if (file == nullptr) return failure(EBADF);
    fill_status(file->inode, status);
    return SysResult::success();
  });
}

SysResult SimulatedSys::mount_id(int fd, std::uint64_t& id) {
  return run(Call::mount_id, fd, nullptr, [&] {
    const OpenFile* file = find(fd);
    if (file == nullptr) return failure(EBADF);
    const auto mount = mounts_.find(file->inode);
    id = mount == mounts_.end() ? 1 : mount->second;
    return SysResult::success();
  });
}

SysResult SimulatedSys::file_system(int fd, FileSystemInfo& info) {
  return run(Call::file_system, fd, nullptr, [&] {
    if (find(fd) == nullptr) return failure(EBADF);
    info = info_;
    info.free_bytes = free_bytes();
    return SysResult::success();
  });
}

SysResult SimulatedSys::clock_gettime(clockid_t clock, struct timespec& now) {
  return run(Call::clock_gettime, -1, nullptr, [&] {
    if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME) {
      return failure(EINVAL);
    }
    const Duration time = clock == CLOCK_REALTIME ? realtime_ : monotonic_;
    now.tv_sec = static_cast<std::time_t>(time.count() / 1'000'000'000);
    now.tv_nsec = static_cast<long>(time.count() % 1'000'000'000);
    return SysResult::success();
  });
}

}  // namespace spoolq::test
