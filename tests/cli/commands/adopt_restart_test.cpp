// adopt is killed, again and again: each file is a message once, whole.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A folder in memory: another file system than that of the queue.
class OtherFileSystem {
 public:
  OtherFileSystem() {
    REQUIRE(::mkdtemp(path_.data()) != nullptr);
    struct stat here = {};
    struct stat there = {};
    REQUIRE(::stat(fs::temp_directory_path().c_str(), &here) == 0);
    REQUIRE(::stat(path_.c_str(), &there) == 0);
    if (here.st_dev == there.st_dev) FAIL("needs /dev/shm to be a file system of its own");
  }
  OtherFileSystem(const OtherFileSystem&) = delete;
  OtherFileSystem& operator=(const OtherFileSystem&) = delete;
  ~OtherFileSystem() { fs::remove_all(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/dev/shm/spoolq-test-XXXXXX";
};

constexpr std::size_t kFiles = 800;
/// So many share the syncs of folders.
constexpr std::size_t kBatch = 64;

}  // namespace

TEST_CASE("however often adopt is killed, each file is a message once", "[cli][adopt][kill]") {
  const bool keep = GENERATE(false, true);
  const bool other_file_system = GENERATE(false, true);
  CAPTURE(keep, other_file_system);
  const Scratch scratch;
  const OtherFileSystem memory;
  const std::string folder = other_file_system ? memory.path() : scratch / "in";
  fs::create_directories(folder);
  const std::string queue = scratch / "q";
  run_well({"init", queue, "min_free=0"});
  std::map<std::string, int> expected;
  for (std::size_t i = 0; i < kFiles; ++i) {
    const std::string name = "file " + std::to_string(i);
    write_file(folder + "/" + name, "content of " + name);
    ++expected["content of " + name];
  }
  std::vector<std::string> command = {"adopt", folder, queue, "--settle=0"};
  if (keep) command.emplace_back("--keep");
  std::map<std::string, int> delivered;
  const auto drain = [&] {
    const Outcome taken = run({"take", queue, "-n0", "-0"});
    for (std::size_t at = 0; at < taken.out.size();) {
      const std::size_t end = taken.out.find('\0', at);
      ++delivered[taken.out.substr(at, end - at)];
      at = end + 1;
    }
  };
  // Batches of files are copied, recorded, published, and removed where they were: killed in each
  // of these, and most often just after the first of a batch was published.
  const auto ready = [&] { return names_in(queue + "/new").size(); };
  const auto staged = [&] {
    std::size_t count = 0;
    std::error_code ignored;
    for (fs::recursive_directory_iterator each{queue + "/intake", ignored}, end; each != end;
         each.increment(ignored)) {
      ++count;
    }
    return count;
  };
  for (std::size_t round = 0; ready() + delivered.size() + 2 * kBatch < kFiles; ++round) {
    REQUIRE(round < kFiles);
    const std::size_t before = ready();
    Running adopt{Invocation{.arguments = command}};
    REQUIRE(eventually([&] {
      return ready() > before + round % 5 * (kBatch / 4) || (round % 4 == 0 && staged() > round);
    }));
    adopt.signal(SIGKILL);
    adopt.wait();
    // What was published may be finished long before the next one comes.
    if (round % 3 == 0) drain();
  }
  CHECK(run(command).exit == 0);
  drain();
  CHECK(delivered == expected);
  CHECK(names_in(folder).size() == (keep ? kFiles : 0));
  CHECK(run(command).out.empty());
}

}  // namespace spoolq::test
