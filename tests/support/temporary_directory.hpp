// Folders for tests that sync a lot and do not ask what a sync does.
#pragma once

#include <filesystem>
#include <string>

namespace spoolq::test {

/// A folder in memory (/dev/shm), or in the system's temporary folder where the one in memory does
/// not exist or takes no extended attributes. Removed at the end.
class MemoryDirectory {
 public:
  MemoryDirectory();
  MemoryDirectory(const MemoryDirectory&) = delete;
  MemoryDirectory& operator=(const MemoryDirectory&) = delete;
  ~MemoryDirectory();

  /// The path of something in it, as text.
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace spoolq::test
