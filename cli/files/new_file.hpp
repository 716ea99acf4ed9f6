// A new file: written under a hidden name, synced, and renamed without overwriting.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

#include "cli/files/file.hpp"

namespace spoolq::cli {

// These return false or an empty File, with errno, on failure.

[[nodiscard]] File open_folder(const std::string& path);
/// Opens a file for reading. Follows no link and waits for no writer of a FIFO.
[[nodiscard]] File open_to_read(const File& folder, const std::string& name);
/// Whether `name` in `folder` is this open file.
[[nodiscard]] bool is_named(const File& folder, const std::string& name, const File& file);
/// Makes what was created, renamed and removed in a folder survive a power cut: fsync on ext4 and
/// xfs, else a syncfs of the whole file system. On btrfs an fsync of the folder may succeed without
/// the name that a rename has just brought (docs/decisions/directory-syncs.md).
[[nodiscard]] bool sync_folder(const File& folder);

/// A file that does not have its final name yet. The destructor removes it unless it was renamed.
class NewFile {
 public:
  /// Creates `name` in `folder`, which must outlive this. Empty with errno on failure.
  NewFile(const File& folder, std::string name, mode_t mode);
  NewFile(NewFile&& other) noexcept;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile() { (void)remove(); }

  [[nodiscard]] explicit operator bool() const { return static_cast<bool>(file_); }
  [[nodiscard]] int get() const { return file_.get(); }
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Whether the folder still has it under its hidden name.
  [[nodiscard]] bool is_there() const { return is_named(*folder_, name_, file_); }
  /// Whether `other` is a regular file with the same content; nullopt with errno on failure.
  [[nodiscard]] std::optional<bool> has_content_of(const File& other) const;

  // These return false with errno on failure.

  [[nodiscard]] bool write(std::string_view bytes) const;
  [[nodiscard]] bool sync() const;
  /// EEXIST: there is a file of that name, which stays.
  [[nodiscard]] bool rename(const File& folder, const std::string& name);
  [[nodiscard]] bool remove();

  /// Leaves the file to a process that removes it.
  void leave() { folder_ = nullptr; }

 private:
  const File* folder_;  ///< Null where there is nothing to remove.
  std::string name_;
  File file_;
};

}  // namespace spoolq::cli
