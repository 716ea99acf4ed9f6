// Finding memory that takes extended attributes.
#include "tests/support/temporary_directory.hpp"

#include <sys/xattr.h>

#include <cstdlib>
#include <stdexcept>

namespace spoolq::test {
namespace {

/// The path of a new folder below `parent`; empty when it cannot be made.
std::string make_below(const std::filesystem::path& parent) {
  std::string name = parent / "spoolq-test-XXXXXX";
  return ::mkdtemp(name.data()) != nullptr ? name : std::string{};
}

}  // namespace

MemoryDirectory::MemoryDirectory() {
  const std::string memory = make_below("/dev/shm");
  if (!memory.empty() && ::setxattr(memory.c_str(), "user.spoolq.test", "", 0, 0) == 0) {
    path_ = memory;
    return;
  }
  if (!memory.empty()) std::filesystem::remove(memory);
  path_ = make_below(std::filesystem::temp_directory_path());
  if (path_.empty()) throw std::runtime_error{"cannot make a temporary folder"};
}

MemoryDirectory::~MemoryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace spoolq::test
