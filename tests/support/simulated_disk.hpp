// A disk in memory: what the running system sees, what is safe from a power cut, and the steps
// between the two.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace spoolq::test {

/// What an fsync promises about changes of names and attributes (the metadata).
enum class CrashModel {
  /// One journal in one order, as on ext4 and xfs. fsync(x) makes every change durable up to the
  /// last one that touched x; changes after that may be lost, in reverse order.
  journal,
  /// Each directory is written on its own, as in the log tree of btrfs: a rename adds the new
  /// name first and removes the old one separately, so after a cut both may be there. fsync of a
  /// directory does not promise the names that renames brought into it.
  per_directory,
};

/// What becomes of bytes that were written but not synced.
enum class UnsyncedData { lost, torn, kept };

const char* to_string(UnsyncedData data);

/// One possible outcome of a power cut. Made by SimulatedDisk, valid until the next change.
struct CrashState {
  std::string description;
  UnsyncedData data = UnsyncedData::lost;
  std::vector<bool> kept;  ///< For each pending step, whether it reached the disk.
};

struct DirectoryEntry {
  std::string name;
  ino_t inode = 0;
};

struct Inode {
  ino_t number = 0;
  mode_t mode = 0;
  uid_t owner = 0;
  nlink_t names = 0;        ///< Entries that point here.
  nlink_t directories = 0;  ///< Subdirectories of a directory.
  ino_t parent = 0;         ///< Of a directory.
  std::string content;      ///< Of a file, or the target of a symbolic link.
  /// Keyed by a hash of the name, which is also the order of a scan, as on ext4: a caller that
  /// expects sorted names is found out, and a rename disturbs no other entry's position.
  std::map<std::uint64_t, DirectoryEntry> entries;
  std::uint64_t entry_bytes = 0;
  std::uint64_t directory_size = 0;  ///< Grows and never shrinks, as on ext4.
  std::map<std::string, std::string> attributes;
  timespec accessed = {};
  timespec modified = {};
  timespec changed = {};
  timespec born = {};

  [[nodiscard]] bool is_directory() const;
  [[nodiscard]] bool is_file() const;
  [[nodiscard]] bool is_symlink() const;
  [[nodiscard]] bool is_fifo() const;
  /// st_nlink.
  [[nodiscard]] nlink_t links() const;
};

/// The smallest change of an image. Steps of one group are one operation for the user.
struct DiskStep {
  enum class Kind {
    make,
    add,
    remove,
    exchange,
    truncate,
    extend,
    chmod,
    touch,
    set_xattr,
    remove_xattr,
    write
  };
  Kind kind = Kind::make;
  std::uint64_t group = 0;
  ino_t inode = 0;      ///< What the step is about; for add and remove, what the entry points to.
  ino_t directory = 0;  ///< For add, remove and exchange.
  std::string name;     ///< Of the entry or the attribute.
  std::string bytes;    ///< Content or value; of an exchange the other name.
  std::uint64_t size = 0;  ///< Offset of a write, or the new size.
  mode_t mode = 0;
  bool moved = false;  ///< One half of a rename: the addition, or the removal after it.
  timespec when = {};
};

/// All inodes at one moment. Copies are deep.
struct DiskImage {
  std::map<ino_t, Inode> inodes;

  [[nodiscard]] const Inode* find(ino_t number) const;
  [[nodiscard]] Inode* find(ino_t number);
  /// 0 when there is no such entry.
  [[nodiscard]] ino_t lookup(ino_t directory, std::string_view name) const;
  /// Steps about inodes that are gone do nothing. Returns the inode that lost its last name, or
  /// 0; it is still in the image.
  ino_t apply(const DiskStep& step);

 private:
  ino_t apply_add(const DiskStep& step, Inode& directory);
  void apply_exchange(const DiskStep& step);
  ino_t drop_name(Inode& directory, std::uint64_t hash);
};

/// Takes changes that the caller has checked, and knows which of them a power cut could undo.
/// Not thread-safe.
class SimulatedDisk {
 public:
  static constexpr ino_t kRoot = 2;
  static constexpr ino_t kFirstInode = 11;

  explicit SimulatedDisk(CrashModel model, uid_t owner);

  [[nodiscard]] const DiskImage& image() const { return live_; }
  /// Requires: the inode exists.
  [[nodiscard]] const Inode& inode(ino_t number) const { return live_.inodes.at(number); }
  [[nodiscard]] std::uint64_t used_bytes() const;

  ino_t create(ino_t directory, std::string_view name, mode_t mode, timespec now,
               std::string_view link_target = {});
  void link(ino_t directory, std::string_view name, ino_t target, timespec now);
  void remove(ino_t directory, std::string_view name, timespec now);
  void rename(ino_t from_directory, std::string_view from, ino_t to_directory, std::string_view to,
              timespec now);
  /// Two names of one directory change places.
  void exchange(ino_t directory, std::string_view one, std::string_view other, timespec now);
  void write(ino_t file, std::uint64_t offset, std::string_view bytes, timespec now);
  void truncate(ino_t file, std::uint64_t size, timespec now);
  /// Makes the file at least `size` bytes long; the new bytes are zero.
  void extend(ino_t file, std::uint64_t size, timespec now);
  void chmod(ino_t target, mode_t mode, timespec now);
  /// Sets all times.
  void touch(ino_t target, timespec now);
  void set_xattr(ino_t target, std::string_view name, std::string_view value, timespec now);
  void remove_xattr(ino_t target, std::string_view name, timespec now);

  /// Syncs the disk and gives the inode another owner.
  void set_owner(ino_t target, uid_t owner);
  /// Syncs the disk and gives a directory the size it would have after many more entries.
  void set_directory_size(ino_t directory, std::uint64_t size);
  /// Gives a file another time of modification, as utimensat(2) does; unlike there it is durable.
  void set_modified(ino_t target, timespec when);
  /// On: a new file gets the lowest number that is free, as on ext4, where a file often gets the
  /// number of one that has just gone. All is synced then, so that no pending step is about both.
  void reuse_inodes(bool on) { reuses_inodes_ = on; }
  /// Drops an inode without names, once nobody has it open.
  void forget(ino_t number);

  void sync(ino_t number);
  void sync_all();

  /// What a power cut now could leave: the extremes and up to `prefixes_max` points between what
  /// is durable and what is visible, each with unsynced bytes lost, torn and kept where there are
  /// any.
  [[nodiscard]] std::vector<CrashState> crash_states(std::size_t prefixes_max) const;
  [[nodiscard]] CrashState keep_nothing() const;
  [[nodiscard]] CrashState keep_all(UnsyncedData data) const;
  /// The disk as it is mounted after the power cut.
  [[nodiscard]] SimulatedDisk after(const CrashState& state) const;

 private:
  using Chosen = std::vector<bool>;

  ino_t free_number();
  DiskStep step(DiskStep::Kind kind, ino_t inode, timespec now) const;
  void perform(std::vector<DiskStep> steps);
  void make_durable(const Chosen& chosen);
  [[nodiscard]] Chosen journal_up_to(ino_t number) const;
  [[nodiscard]] Chosen with_dependencies(Chosen chosen) const;
  [[nodiscard]] Chosen entries_of(ino_t directory) const;
  [[nodiscard]] std::vector<CrashState> metadata_outcomes(std::size_t prefixes_max) const;
  void add_directory_outcomes(std::vector<CrashState>& outcomes) const;
  /// Which pending writes can be on the disk when the metadata of `kept` is.
  [[nodiscard]] Chosen possible_writes(const Chosen& kept) const;

  CrashModel model_;
  DiskImage live_;
  DiskImage durable_;
  std::vector<DiskStep> pending_;  ///< In live_ and not yet in durable_, oldest first.
  std::uint64_t group_ = 0;
  ino_t next_inode_ = kFirstInode;
  bool reuses_inodes_ = false;
};

/// The position of a name in a scan; 0 and 1 are "." and "..".
std::uint64_t scan_position(std::string_view name);

}  // namespace spoolq::test
