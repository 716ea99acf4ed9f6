// Btrfs on xfs; ext4 and xfs alone.
#include "tests/crash/cuttable_disk.hpp"

namespace spoolq::test {

CuttableDisk::CuttableDisk(FileSystem type, bool keep) {
  if (type != FileSystem::btrfs) {
    disk_ = std::make_unique<DiskImage>(type, usual_size(type), keep);
    return;
  }
  under_ = std::make_unique<DiskImage>(FileSystem::xfs, usual_size(FileSystem::xfs), keep);
  disk_ = std::make_unique<DiskImage>(type, usual_size(type), keep, under_->mount_point());
  under_->sync();
}

void CuttableDisk::shut_down() const { (under_ ? under_ : disk_)->shut_down(); }

void CuttableDisk::restart() {
  disk_->unmount();
  if (under_) {
    under_->unmount();
    under_->mount();
  }
  disk_->mount();
}

}  // namespace spoolq::test
