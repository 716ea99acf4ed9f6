// Where the company works: three queues on two mounts, an inbox and a Maildir.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "tests/crash/disk_image.hpp"

namespace spoolq::test {

constexpr std::size_t kQueues = 3;

/// Made empty, and removed at the end. Queues 0 and 2, the inbox and the Maildir are on one mount,
/// queue 1 is on another one.
class Places {
 public:
  /// On two images of that file system (requires make_mounts_private()), or in a temporary folder
  /// and in /dev/shm.
  Places(std::optional<FileSystem> type, bool keep);
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;
  ~Places();

  [[nodiscard]] const std::string& queue(std::size_t number) const { return queues_.at(number); }
  [[nodiscard]] const std::string& inbox() const { return inbox_; }
  [[nodiscard]] const std::string& maildir() const { return maildir_; }
  /// For the files of the test itself.
  [[nodiscard]] const std::filesystem::path& scratch() const { return scratch_; }

 private:
  const bool keep_;
  std::filesystem::path scratch_;
  std::array<std::unique_ptr<DiskImage>, 2> images_;
  std::array<std::filesystem::path, 2> mounts_;
  std::array<std::string, kQueues> queues_;
  std::string inbox_;
  std::string maildir_;
};

}  // namespace spoolq::test
