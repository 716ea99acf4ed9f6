// A disk image whose power can be cut, whatever its file system.
#pragma once

#include <filesystem>
#include <memory>

#include "tests/crash/disk_image.hpp"

namespace spoolq::test {

/// A mounted image. Btrfs has no shutdown call, so its image is a file on an xfs image, and that
/// one is shut down: none of what btrfs writes afterwards reaches the file. Requires
/// make_mounts_private().
class CuttableDisk {
 public:
  /// Throws CannotRun with what is missing.
  CuttableDisk(FileSystem type, bool keep);

  [[nodiscard]] const std::filesystem::path& mount_point() const { return disk_->mount_point(); }
  /// Writes everything to the device.
  void sync() const { disk_->sync(); }
  /// The power cut.
  void shut_down() const;
  /// Mounts the disk again as it is after the cut. Requires that no process has a file open in it.
  void restart();

 private:
  std::unique_ptr<DiskImage> under_;  ///< Of btrfs, else null.
  std::unique_ptr<DiskImage> disk_;
};

}  // namespace spoolq::test
