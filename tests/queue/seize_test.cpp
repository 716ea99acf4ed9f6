// Sources that another program replaces, removes or writes to while they are taken.
#include "queue/seize.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "producer/rejection.hpp"
#include "queue/intake.hpp"
#include "queue/message_name.hpp"
#include "queue/open_queue.hpp"
#include "spoolq/consumer.hpp"
#include "tests/queue/foreign_folder.hpp"
#include "tests/queue/promises.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/process_sys.hpp"
#include "tests/support/simulated_sys.hpp"
#include "tests/support/two_mounts.hpp"

namespace spoolq::test {
namespace {

using detail::Intake;

constexpr const char* kQueue = "/q";
constexpr const char* kFolder = "/q-folder";
constexpr const char* kSource = "/q-folder/a.txt";

bool is_private(std::string_view name) {
  return name.starts_with(".spoolq.") || detail::is_consumer_name(name);
}

/// The program whose file is taken: acts just before the call number `nth`.
class OtherProgram final : public ForwardingSys {
 public:
  enum class Act {
    replace,       ///< Renames a second file over the first one.
    replace_both,  ///< Drops a third one too, as soon as the name is free.
    drop,          ///< Drops a second one as soon as the name is free.
    append,        ///< Writes to the first one.
    remove         ///< Removes it.
  };

  OtherProgram(SimulatedSys& disk, Act act, std::uint64_t nth)
      : ForwardingSys{disk}, disk_{disk}, act_{act}, nth_{nth} {}

  void arm() { armed_ = true; }
  /// Whether it came to the call.
  [[nodiscard]] bool has_acted() const { return seen_ >= nth_; }
  /// It has itself destroyed what stood under the name.
  [[nodiscard]] bool destroyed(const std::string& content) const { return destroyed_ == content; }
  /// What it has dropped or written.
  [[nodiscard]] const std::vector<std::string>& dropped() const { return dropped_; }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (!armed_ || info.call == Call::clock_gettime) return std::nullopt;
    if (++seen_ == nth_) act();
    if (seen_ >= nth_) drop_when_free();
    return std::nullopt;
  }

 private:
  void act() {
    const bool is_there = disk_.exists(kSource);
    const std::string content = is_there ? disk_.read_file(kSource) : "";
    switch (act_) {
      case Act::replace:
      case Act::replace_both: {
        disk_.plant_file("/q-folder/.t", "second");
        const detail::UniqueFd folder = detail::open_directory(disk_, kFolder);
        CHECK(disk_.renameat2(folder.get(), ".t", folder.get(), "a.txt", 0).ok());
        destroyed_ = content;
        dropped_.emplace_back("second");
        break;
      }
      case Act::append: {
        if (!is_there) break;
        const detail::UniqueFd folder = detail::open_directory(disk_, kFolder);
        const detail::UniqueFd fd{
            disk_, disk_.openat(folder.get(), "a.txt", O_WRONLY | O_APPEND | O_CLOEXEC).fd()};
        CHECK(disk_.write(fd.get(), " more", 5).ok());
        destroyed_ = content;
        dropped_.emplace_back("first more");
        break;
      }
      case Act::remove:
        if (is_there) disk_.unlink(kSource);
        destroyed_ = content;
        break;
      case Act::drop:
        break;
    }
  }
  void drop_when_free() {
    if (has_dropped_ || (act_ != Act::drop && act_ != Act::replace_both)) return;
    if (disk_.exists(kSource)) return;
    has_dropped_ = true;
    dropped_.emplace_back("third");
    disk_.plant_file(kSource, "third");
  }

  SimulatedSys& disk_;
  Act act_;
  std::uint64_t nth_;
  std::uint64_t seen_ = 0;
  bool armed_ = false;
  bool has_dropped_ = false;
  std::string destroyed_;
  std::vector<std::string> dropped_;
};

/// Takes what has got the private name for the file that was looked at before.
class NoSecondLook final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;

  SysResult fstatat(int dir, const char* name, struct stat& status) override {
    const SysResult result = ForwardingSys::fstatat(dir, name, status);
    if (result.ok() && is_private(name)) got_ = status.st_ino;
    return result;
  }
  SysResult fstat(int fd, struct stat& status) override {
    const SysResult result = ForwardingSys::fstat(fd, status);
    if (got_ != 0) status.st_ino = got_;
    got_ = 0;
    return result;
  }

 private:
  ino_t got_ = 0;
};

enum class Way { rename, copy_here, copy_elsewhere };

using Counts = std::map<std::string, int>;

Counts drain(SimulatedSys& disk) {
  Consumer consumer{Queue{std::make_shared<detail::OpenQueue>(disk, kQueue, LogHandler{})}};
  Counts counts;
  while (auto claim = consumer.try_take()) {
    ++counts[claim->payload()];
    claim->ack();
  }
  return counts;
}

void take_all(SimulatedSys& disk, Way way) {
  TwoMounts two{disk};
  if (way == Way::copy_elsewhere) two.put_away(kFolder);
  detail::OpenQueue queue{two, kQueue, {}};
  Intake intake{queue, kFolder, {.always_copy = way != Way::rename}};
  for (int i = 0; i < 3; ++i) intake.take(arrivals_in(intake, FolderKind::plain));
}

struct Outcome {
  bool acted = false;
  std::string wrong{};
};

std::string left_in(const SimulatedSys& disk, const std::string& folder) {
  std::string wrong;
  if (!disk.exists(folder)) return wrong;
  for (const std::string& name : disk.list(folder)) {
    const bool is_journal = folder != kFolder && disk.exists(folder + "/" + name + "/journal");
    if (!is_journal) wrong += fmt::format("{}/{} is left\n", folder, name);
  }
  return wrong;
}

/// Takes the file while the other program acts, then whatever is left, and judges what came.
Outcome take_beside(OtherProgram::Act act, Way way, std::uint64_t nth, bool mutant = false,
                    std::uint64_t dies_at = 0) {
  SimulatedSys disk;
  disk.record_calls(false);
  make_story_queue(disk, kQueue);
  disk.plant_file(kSource, "first");
  OtherProgram other{disk, act, nth};
  ProcessSys process{other, dies_at};
  NoSecondLook blind{process};
  TwoMounts two{mutant ? static_cast<detail::Sys&>(blind) : process};
  if (way == Way::copy_elsewhere) two.put_away(kFolder);
  try {
    detail::OpenQueue queue{two, kQueue, {}};
    Intake intake{queue, kFolder, {.always_copy = way != Way::rename}};
    const auto arrivals = arrivals_in(intake, FolderKind::plain);
    other.arm();
    intake.take(arrivals);
  } catch (const Error& error) {
    if (dies_at == 0) return {true, fmt::format("{}\n", error.what())};
  }
  process.kill();
  Outcome outcome{.acted = other.has_acted()};
  take_all(disk, way);
  const Counts counts = drain(disk);
  const auto count = [&counts](const std::string& payload) {
    const auto found = counts.find(payload);
    return found == counts.end() ? 0 : found->second;
  };
  for (const std::string& each : other.dropped()) {
    if (count(each) != 1) outcome.wrong += fmt::format("'{}': {} times\n", each, count(each));
  }
  const int first = count("first");
  if (first > 1 || (first == 0 && !other.destroyed("first"))) {
    outcome.wrong += fmt::format("'first': {} times\n", first);
  }
  outcome.wrong += left_in(disk, kFolder) + left_in(disk, "/q/intake");
  return outcome;
}

constexpr std::uint64_t kCallsMax = 500;

}  // namespace

TEST_CASE("whatever another program does to a source between any two calls, nothing is lost",
          "[intake][seize]") {
  using Act = OtherProgram::Act;
  const auto act = GENERATE(Act::replace, Act::replace_both, Act::drop, Act::append, Act::remove);
  const auto way = GENERATE(Way::rename, Way::copy_here, Way::copy_elsewhere);
  std::uint64_t nth = 1;
  for (bool acted = true; acted && nth < kCallsMax; ++nth) {
    const Outcome outcome = take_beside(act, way, nth);
    acted = outcome.acted;
    INFO("call " << nth << ", act " << static_cast<int>(act) << ", way " << static_cast<int>(way));
    CHECK(outcome.wrong == "");
  }
  CHECK(nth > 10);
  CHECK(nth < kCallsMax);
}

TEST_CASE("a source that is replaced is not lost when who takes it dies at any call after",
          "[intake][seize][kill]") {
  using Act = OtherProgram::Act;
  const auto act = GENERATE(Act::replace, Act::replace_both, Act::drop);
  const auto way = GENERATE(Way::rename, Way::copy_here, Way::copy_elsewhere);
  std::uint64_t nth = 1;
  for (bool acted = true; acted && nth < kCallsMax; ++nth) {
    acted = take_beside(act, way, nth).acted;
    // It has made some thirty calls before it is asked to take.
    for (std::uint64_t later = 1; later < kCallsMax; later += 3) {
      const Outcome outcome = take_beside(act, way, nth, false, nth + later);
      INFO("call " << nth << ", dies at " << nth + later << ", act " << static_cast<int>(act)
                   << ", way " << static_cast<int>(way));
      CHECK(outcome.wrong == "");
      if (later > 120) break;
    }
  }
}

TEST_CASE("a source that is removed without a second look at what was seized is caught",
          "[intake][seize][mutant]") {
  using Act = OtherProgram::Act;
  const auto way = GENERATE(Way::rename, Way::copy_here, Way::copy_elsewhere);
  bool caught = false;
  for (std::uint64_t nth = 1; nth < kCallsMax && !caught; ++nth) {
    const Outcome outcome = take_beside(Act::replace, way, nth, /*mutant=*/true);
    caught = !outcome.wrong.empty();
    if (!outcome.acted) break;
  }
  CHECK(caught);
}

TEST_CASE("a folder that may not be written to keeps its files, and each is a message once",
          "[intake][seize]") {
  /// Whose names cannot be changed.
  class ReadOnlyFolder final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool changes = info.call == Call::renameat2 || info.call == Call::unlinkat;
      const bool is_it = changes && std::string_view{info.name} == "a.txt";
      return is_it ? std::optional{SysResult::failure(EACCES)} : std::nullopt;
    }
  };
  SimulatedSys disk;
  make_story_queue(disk, kQueue);
  disk.plant_file(kSource, "first");
  ReadOnlyFolder sys{disk};
  detail::OpenQueue queue{sys, kQueue, {}};
  for (int i = 0; i < 2; ++i) {
    Intake intake{queue, kFolder, {.always_copy = true}};
    intake.take(arrivals_in(intake, FolderKind::plain));
  }
  CHECK(disk.list(kFolder) == std::vector<std::string>{"a.txt"});
  CHECK(drain(disk) == Counts{{"first", 1}});
}

TEST_CASE("a source with a second name goes, and the second name stays", "[intake][seize]") {
  const auto way = GENERATE(Way::rename, Way::copy_here, Way::copy_elsewhere);
  SimulatedSys disk;
  make_story_queue(disk, kQueue);
  disk.plant_file(kSource, "first");
  disk.plant_hard_link(kSource, "/elsewhere/backup");
  take_all(disk, way);
  CHECK(disk.list(kFolder).empty());
  CHECK(disk.read_file("/elsewhere/backup") == "first");
  CHECK(drain(disk) == Counts{{"first", 1}});
}

TEST_CASE("a file that got the name of one that is to be rejected is not rejected",
          "[adopt][seize]") {
  SimulatedSys disk;
  disk.plant_file(kSource, "too large");
  const detail::UniqueFd folder = detail::open_directory(disk, kFolder);
  struct stat judged = {};
  REQUIRE(disk.fstatat(folder.get(), "a.txt", judged).ok());
  SECTION("it is the one") {
    CHECK(detail::reject_file(disk, folder.get(), kFolder, "a.txt", judged, "too large"));
    CHECK(disk.list("/q-folder/.rejected") == std::vector<std::string>{"a.txt", "a.txt.reason"});
  }
  SECTION("it is another") {
    disk.unlink(kSource);
    disk.plant_file(kSource, "small");
    CHECK_FALSE(detail::reject_file(disk, folder.get(), kFolder, "a.txt", judged, "too large"));
    CHECK(disk.read_file(kSource) == "small");
    CHECK(disk.list("/q-folder/.rejected").empty());
  }
}

}  // namespace spoolq::test
