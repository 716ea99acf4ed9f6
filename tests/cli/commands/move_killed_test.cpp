// mv between two file systems, killed again and again: nothing is lost, and what is doubled is
// doubled once for a kill at most.
#include <csignal>
#include <filesystem>
#include <map>
#include <random>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

/// A folder in memory, which is another file system than the temporary folder's.
class Away {
 public:
  explicit Away(const Scratch& scratch)
      : path_{std::filesystem::path{"/dev/shm"} / scratch.path().filename()} {}
  Away(const Away&) = delete;
  Away& operator=(const Away&) = delete;
  ~Away() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void count_ids(const std::string& queue, std::map<std::string, int>& counts) {
  for (const std::string& id : lines_of(run_well({"ls", queue, "-q"}))) ++counts[id];
}

}  // namespace

TEST_CASE("mv between file systems may be killed at any time", "[cli][mv][kill]") {
  if (!std::filesystem::is_directory("/dev/shm")) {
    WARN("no /dev/shm: not run");
    return;
  }
  constexpr int kMessages = 300;
  constexpr int kKillsMax = 60;
  const Scratch scratch;
  const Away away{scratch};
  const std::string source = scratch / "q";
  run_well({"init", source, "min_free=0"});
  run_well({"init", away.path(), "min_free=0"});
  std::string lines;
  for (int i = 0; i < kMessages; ++i) lines += std::to_string(i) + std::string(2000, 'x') + "\n";
  const auto put = lines_of(run_well({"put", source, "--each-line", "--sync=none"}, lines));
  REQUIRE(put.size() == kMessages);

  std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<std::size_t> messages{1, 20};
  int kills = 0;
  while (kills < kKillsMax) {
    Running moving{{.arguments = {"mv", source, away.path(), "--all"}}};
    const std::size_t arrived = names_in(away.path() + "/new").size() + messages(random);
    if (arrived > kMessages) break;
    REQUIRE(eventually([&] { return names_in(away.path() + "/new").size() >= arrived; }));
    moving.signal(SIGKILL);
    if (moving.wait().exit != 128 + SIGKILL) break;  // It was done before.
    ++kills;
    run_well({"reap", source});
  }
  CHECK(kills > 3);
  if (!lines_of(run_well({"ls", source, "-q"})).empty()) {
    run_well({"mv", source, away.path(), "--all"});
  }
  std::map<std::string, int> counts;
  count_ids(away.path(), counts);
  count_ids(source, counts);
  int doubled = 0;
  for (const std::string& id : put) {
    CAPTURE(id);
    CHECK(counts[id] >= 1);
    if (counts[id] > 1) ++doubled;
  }
  CHECK(counts.size() == kMessages);
  CHECK(doubled <= kills);
  CHECK(run_well({"ls", source, "-q"}).empty());
}

}  // namespace spoolq::test
