// Directory syncs and their sharing.
#include "queue/store/durability.hpp"

#include <linux/magic.h>

#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

namespace spoolq::detail {
namespace {

bool syncs_per_folder(const FileSystemInfo& file_system) {
  return file_system.type == EXT4_SUPER_MAGIC || file_system.type == XFS_SUPER_MAGIC;
}

/// Returns the errno.
int fsync_directory(Sys& sys, int fd) {
  const SysResult synced = sys.fsync(fd);
  if (!synced.ok()) return synced.error();
  // XFS lets the fsync of a directory succeed after the file system has shut down; fstat does
  // not. Without it, puts and acks were promised that a power cut then undid.
  struct stat status = {};
  return sys.fstat(fd, status).error();
}

}  // namespace

int GroupSync::run(const std::function<int()>& sync) {
  std::unique_lock lock{mutex_};
  // A sync that is running now may have begun before our change: wait for the one after it.
  const std::uint64_t wanted = started_ + 1;
  while (finished_ < wanted) {
    if (running_) {
      done_.wait(lock);
      continue;
    }
    running_ = true;
    const std::uint64_t turn = ++started_;
    lock.unlock();
    const int error = sync();
    lock.lock();
    running_ = false;
    finished_ = turn;
    // A failure stays: no later success makes good what this one dropped.
    if (error_ == 0) error_ = error;
    done_.notify_all();
  }
  return error_;
}

void sync_foreign_directory(Sys& sys, int fd, const std::string& path) {
  FileSystemInfo file_system;
  require(sys.file_system(fd, file_system), "statfs", path);
  const bool per_folder = syncs_per_folder(file_system);
  const int error = per_folder ? fsync_directory(sys, fd) : sys.syncfs(fd).error();
  if (error != 0) throw_errno(error, per_folder ? "fsync" : "syncfs", path);
}

Durability::Durability(Sys& sys, const Folders& folders) : sys_{sys}, folders_{folders} {
  per_folder_ = syncs_per_folder(folders.file_system());
}

void Durability::sync_changed(std::initializer_list<State> changed) {
  require_sound(folders_.path());
  if (!per_folder_) {
    sync_file_system();
    return;
  }
  for (const State state : changed) sync_folder(folder_of(state));
}

void Durability::sync_changed(std::initializer_list<State> changed, int directory,
                              const std::string& path) {
  sync_changed(changed);
  if (!per_folder_) return;  // The whole file system is synced.
  if (const int error = fsync_directory(sys_, directory); error != 0) fail(error, "fsync", path);
}

void Durability::sync_all() {
  require_sound(folders_.path());
  sync_file_system();
  // As after the fsync of a folder: a file system that has shut down may let a sync succeed.
  struct stat status = {};
  if (const auto result = sys_.fstat(folders_.root(), status); !result.ok()) {
    fail(result.error(), "stat", folders_.path());
  }
}

void Durability::append(int record, std::string_view lines, off_t& size, const std::string& path) {
  try {
    write_all(sys_, record, lines, path);
  } catch (const Error&) {
    // What was written in part would spoil the line that follows it.
    if (!sys_.ftruncate(record, size).ok()) condemn();
    throw;
  }
  size += static_cast<off_t>(lines.size());
  sync_file(record, path);
}

void Durability::sync_file(int file, const std::string& path) {
  if (const auto synced = sys_.fsync(file); !synced.ok()) fail(synced.error(), "fsync", path);
}

void Durability::require_sound(const std::string& path) const {
  if (condemned_) throw_errc(errc::condemned, "use", path);
}

void Durability::sync_folder(Folder folder) {
  const int fd = folders_.fd(folder);
  const int error =
      groups_[static_cast<int>(folder)].run([&] { return fsync_directory(sys_, fd); });
  if (error != 0) fail(error, "fsync", folders_.path(folder));
}

void Durability::sync_file_system() {
  const int error = file_system_group_.run([&] { return sys_.syncfs(folders_.root()).error(); });
  if (error != 0) fail(error, "syncfs", folders_.path());
}

void Durability::fail(int error, const char* operation, const std::string& path) {
  condemn();
  throw_errno(error, operation, path);
}

}  // namespace spoolq::detail
