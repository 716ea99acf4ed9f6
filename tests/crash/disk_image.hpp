// A file system of our own in a file, which can be filled up and cut off.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace spoolq::test {

enum class FileSystem { ext4, xfs, btrfs };
const char* to_string(FileSystem type);
/// Throws Usage for anything else.
FileSystem parse_file_system(const std::string& text);

/// Gives this process, and those it forks, mounts that nobody else sees or copies. Throws CannotRun
/// without the right to.
void make_mounts_private();

/// A mounted image. Requires make_mounts_private().
///
/// The file is written in full before mkfs, and nothing discards, so that the outer file system has
/// nothing left to allocate. Unless it is to be kept it has no name any more once it is attached,
/// and the loop device lets go of it by itself: nothing is left even when this process is killed.
class DiskImage {
 public:
  /// Makes, attaches, formats and mounts it. Throws CannotRun with what is missing.
  ///
  /// With `parent`, the mount point of another image, the file lies there and keeps its name. It is
  /// closed while it is not mounted, so that the other image can be unmounted.
  DiskImage(FileSystem type, std::uint64_t size, bool keep = false,
            const std::filesystem::path& parent = {});
  DiskImage(const DiskImage&) = delete;
  DiskImage& operator=(const DiskImage&) = delete;
  ~DiskImage();

  [[nodiscard]] const std::filesystem::path& mount_point() const { return mount_point_; }
  /// The image's own path, for those who keep it.
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

  void mount();
  /// The kernel then knows nothing of it any more. Requires that nobody has a file open in it.
  void unmount();
  /// Writes everything to the device.
  void sync() const;
  /// The power cut: nothing reaches the device from here on, not even the journal's buffer. Btrfs
  /// has no such call: see CuttableDisk.
  void shut_down() const;

  /// Room that is left, in bytes.
  [[nodiscard]] std::uint64_t free_bytes() const;

 private:
  void make_file(std::uint64_t size);
  void attach();
  void detach() noexcept;
  void format() const;
  void remove() noexcept;

  const FileSystem type_;
  const bool keep_;
  const bool nested_;
  std::filesystem::path folder_;
  std::filesystem::path mount_point_;
  std::filesystem::path file_;
  int image_fd_ = -1;
  int loop_fd_ = -1;
  int loop_number_ = -1;
  std::string device_;
  bool mounted_ = false;
};

/// The smallest size at which the type works well.
std::uint64_t usual_size(FileSystem type);

}  // namespace spoolq::test
