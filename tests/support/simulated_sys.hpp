// The seam over a disk in memory that forgets what was not synced.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "queue/os/sys.hpp"
#include "tests/support/call.hpp"
#include "tests/support/simulated_disk.hpp"

namespace spoolq::test {

using detail::FileSystemInfo;
using detail::SysResult;

/// One call that a SimulatedSys answered.
struct CallRecord {
  Call call = Call::openat;
  std::string path;     ///< Of the descriptor when it was opened, plus the name.
  std::string to_path;  ///< Of a rename.
  SysResult result = SysResult::success();
};

/// "renameat2 /q/tmp/a -> /q/new/a = 0"
std::string to_string(const CallRecord& record);

/// A whole file system in memory, its descriptors, its locks and its clocks.
///
/// Begins with an empty root directory. Behaves as Linux does for the calls of the seam, without
/// permissions, signals and other mounts. Descriptor numbers start at 1000, so that none of them
/// means anything to the kernel, and are not reused, so that a second close is seen. A name with
/// more than one component below a directory descriptor, and a call that would block for ever,
/// abort the program: the library promises not to do that. Thread-safe.
class SimulatedSys final : public detail::Sys {
 public:
  using Duration = std::chrono::nanoseconds;

  explicit SimulatedSys(CrashModel model = CrashModel::journal);

  SysResult openat(int dir, const char* name, int flags, mode_t mode = 0) override;
  SysResult openat2(int dir, const char* path, int flags, std::uint64_t resolve) override;
  SysResult close(int fd) override;
  SysResult read(int fd, void* buffer, std::size_t size) override;
  SysResult write(int fd, const void* bytes, std::size_t size) override;
  SysResult ftruncate(int fd, off_t size) override;
  SysResult fallocate(int fd, off_t size) override;
  SysResult fchmod(int fd, mode_t mode) override;
  SysResult touchat(int dir, const char* name) override;
  SysResult fsync(int fd) override;
  SysResult syncfs(int fd) override;
  SysResult flock(int fd, int operation) override;
  SysResult lock_byte(int fd, short type, std::int64_t place) override;
  SysResult is_byte_locked(int fd, std::int64_t place) override;
  SysResult set_lease(int fd, int type) override;
  SysResult fstat(int fd, struct stat& status) override;
  SysResult fstatat(int dir, const char* name, struct stat& status) override;
  SysResult statx(int dir, const char* name, struct stat& status, struct timespec& born) override;
  SysResult mount_id(int fd, std::uint64_t& id) override;
  SysResult file_system(int fd, FileSystemInfo& info) override;
  SysResult mkdirat(int dir, const char* name, mode_t mode) override;
  SysResult unlinkat(int dir, const char* name, int flags = 0) override;
  SysResult symlinkat(const char* target, int dir, const char* name) override;
  SysResult readlinkat(int fd, char* buffer, std::size_t size) override;
  SysResult renameat2(int from_dir, const char* from, int to_dir, const char* to,
                      unsigned flags) override;
  SysResult getdents64(int fd, void* buffer, std::size_t size) override;
  SysResult fsetxattr(int fd, const char* name, const void* value, std::size_t size) override;
  SysResult fgetxattr(int fd, const char* name, void* value, std::size_t size) override;
  SysResult flistxattr(int fd, char* list, std::size_t size) override;
  SysResult fremovexattr(int fd, const char* name) override;
  SysResult clock_gettime(clockid_t clock, struct timespec& now) override;

  // What happens to the machine.

  /// The possible outcomes of a power cut now. A state is good until the next change of the disk.
  [[nodiscard]] std::vector<CrashState> crash_states(std::size_t prefixes_max = 16) const;
  /// Only what is durable, and nothing of the unsynced bytes.
  [[nodiscard]] CrashState keep_nothing() const;
  /// Every change of names and attributes.
  [[nodiscard]] CrashState keep_all(UnsyncedData data) const;
  /// The file system as it is mounted after the cut: no descriptors, no locks, CLOCK_MONOTONIC
  /// begins again. This object is as before.
  [[nodiscard]] std::unique_ptr<SimulatedSys> crash(const CrashState& state) const;
  /// What the kernel does by itself every few seconds: everything so far becomes durable.
  void commit();
  /// Closes every descriptor, as the death of every process does.
  void close_all();
  [[nodiscard]] std::size_t open_descriptor_count() const;
  /// Whether somebody else has a lease on what `fd` was opened on to write, so that an open without
  /// O_NONBLOCK waits in the kernel. Here it returns at once, and its caller waits.
  [[nodiscard]] bool lease_is_in_the_way(int fd) const;

  // What is on the disk, by absolute path. Missing parents are made. Planting commits first and,
  // unless told otherwise, afterwards. A broken path throws std::runtime_error.

  enum class Planted { durable, unsynced };
  void plant_file(const std::string& path, std::string_view bytes,
                  Planted planted = Planted::durable);
  void plant_symlink(const std::string& path, std::string_view target);
  void plant_fifo(const std::string& path);
  void plant_directory(const std::string& path);
  void plant_hard_link(const std::string& existing, const std::string& path);
  /// Another name for a file, as a backup makes it: nothing is synced.
  void link(const std::string& existing, const std::string& path);
  void unlink(const std::string& path);
  [[nodiscard]] bool exists(const std::string& path) const;
  [[nodiscard]] std::string read_file(const std::string& path) const;
  /// Sorted.
  [[nodiscard]] std::vector<std::string> list(const std::string& path) const;
  [[nodiscard]] std::map<std::string, std::string> xattrs(const std::string& path) const;
  /// A line for each file and directory.
  [[nodiscard]] std::string dump() const;
  void set_owner(const std::string& path, uid_t owner);
  /// As `cp -p` and `rsync -t` do.
  void set_modified(const std::string& path, Duration since_epoch);
  void set_directory_size(const std::string& path, std::uint64_t bytes);
  /// See SimulatedDisk::reuse_inodes().
  void reuse_inodes(bool on);
  void set_mount_id(const std::string& path, std::uint64_t id);

  // What the file system says about itself.

  /// The magic number, at first that of ext4, or of btrfs where each directory is written alone.
  void set_file_system_type(std::int64_t type);
  void set_free_bytes(std::uint64_t bytes);
  void set_free_inodes(std::uint64_t count);
  /// Writes beyond so many bytes in all fail with ENOSPC.
  void set_capacity(std::uint64_t bytes);

  // Clocks. Each call of the seam moves them by one microsecond.

  void advance(Duration duration);
  /// CLOCK_REALTIME, as a step: the other clocks stay.
  void set_realtime(Duration since_epoch);

  // The log of calls.

  [[nodiscard]] std::vector<CallRecord> calls() const;
  void clear_calls();
  /// Off saves memory in long runs.
  void record_calls(bool on);

 private:
  struct OpenFile {
    ino_t inode = 0;
    int flags = 0;
    std::uint64_t offset = 0;             ///< In bytes, or the scan position of the next entry.
    int lock = 0;                         ///< LOCK_SH, LOCK_EX or 0.
    std::map<std::int64_t, short> bytes;  ///< Locked ones, each F_RDLCK or F_WRLCK.
    bool leased = false;
    bool lease_excludes_readers = false;
    std::string path;

    [[nodiscard]] bool path_only() const;
    [[nodiscard]] bool readable() const;
    [[nodiscard]] bool writable() const;
  };
  /// Where a path leads: the entry, and the inode if there is one.
  struct Place {
    ino_t directory = 0;
    std::string name;
    ino_t inode = 0;
  };

  SimulatedSys(const SimulatedSys& before, const CrashState& state);

  template <typename Body>
  SysResult run(Call call, int fd, const char* name, Body body);
  void record(Call call, std::string path, std::string to_path, SysResult result);
  void tick();
  [[nodiscard]] timespec now() const;

  OpenFile* find(int fd);
  /// The file for a call that O_PATH descriptors refuse.
  OpenFile* find_opened(int fd);
  [[nodiscard]] std::string describe(int fd, const char* name) const;
  SysResult directory_of(int dir, const char* path, ino_t& directory);
  SysResult parent_of(int dir, const char* name, ino_t& directory);
  SysResult walk(ino_t start, std::string_view path, bool follow_last, std::uint64_t resolve,
                 Place& place) const;
  SysResult open(int dir, const char* path, int flags, mode_t mode, std::uint64_t resolve);
  SysResult open_checked(const Place& place, int flags);
  void close_file(std::map<int, OpenFile>::iterator file);
  void release(ino_t inode);
  [[nodiscard]] bool opened_for_writing(ino_t inode) const;
  [[nodiscard]] bool lease_conflicts(ino_t inode, bool writes) const;
  [[nodiscard]] bool lock_conflicts(const OpenFile& file, int wanted) const;
  [[nodiscard]] bool byte_conflicts(const OpenFile& file, short wanted, std::int64_t place) const;
  SysResult write_bytes(OpenFile& file, std::string_view bytes);
  [[nodiscard]] std::uint64_t free_bytes() const;
  void fill_status(ino_t number, struct stat& status) const;
  SysResult rename(ino_t from_dir, const char* from, ino_t to_dir, const char* to, unsigned flags);
  SysResult exchange(ino_t directory, const char* one, ino_t other_directory, const char* other);
  SysResult rename_error(ino_t source, ino_t target, ino_t to_dir) const;
  SysResult remove(ino_t directory, const char* name, int flags);

  Place plant_place(const std::string& path);
  [[nodiscard]] ino_t at(const std::string& path) const;
  void dump_directory(ino_t directory, const std::string& path, std::string& text) const;

  mutable std::mutex mutex_;
  std::condition_variable_any unlocked_;
  SimulatedDisk disk_;
  std::map<int, OpenFile> files_;
  int next_fd_ = 1000;
  FileSystemInfo info_;
  std::optional<std::uint64_t> capacity_;
  std::map<ino_t, std::uint64_t> mounts_;
  Duration realtime_;
  Duration monotonic_;
  bool recording_ = true;
  std::vector<CallRecord> calls_;
};

template <typename Body>
SysResult SimulatedSys::run(Call call, int fd, const char* name, Body body) {
  const std::lock_guard lock{mutex_};
  tick();
  std::string path = recording_ ? describe(fd, name) : std::string{};
  const SysResult result = body();
  record(call, std::move(path), {}, result);
  return result;
}

}  // namespace spoolq::test
