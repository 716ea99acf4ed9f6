// Sources that another program replaces, removes or writes to while they are taken.
#include "queue/store/seize.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "producer/adopt/rejection.hpp"
#include "producer/adopt/transfer.hpp"
#include "queue/format/message_name.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/foreign_folder.hpp"
#include "tests/model/promises.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/process_sys.hpp"
#include "tests/support/simulated_sys.hpp"
#include "tests/support/two_mounts.hpp"

namespace spoolq::test {
namespace {

using detail::Transfer;

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
  Consumer consumer{handle(std::make_shared<detail::OpenQueue>(disk, kQueue, LogHandler{}))};
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
  Transfer transfer{queue, kFolder, {.always_copy = way != Way::rename}};
  for (int i = 0; i < 3; ++i) transfer.take(arrivals_in(transfer, FolderKind::plain));
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
    Transfer transfer{queue, kFolder, {.always_copy = way != Way::rename}};
    const auto arrivals = arrivals_in(transfer, FolderKind::plain);
    other.arm();
    transfer.take(arrivals);
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

TEST_CASE("a source is not lost, whatever another program does to it between any two calls",
          "[transfer][seize]") {
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

TEST_CASE("a replaced source is not lost when the adopter dies at any call after that",
          "[transfer][seize][kill]") {
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

// A copy is made of what was opened before, and its source is looked at once more before it goes.
TEST_CASE("a source that is published without a second look at what was seized is caught",
          "[transfer][seize][mutant]") {
  using Act = OtherProgram::Act;
  bool caught = false;
  for (std::uint64_t nth = 1; nth < kCallsMax && !caught; ++nth) {
    const Outcome outcome = take_beside(Act::replace, Way::rename, nth, /*mutant=*/true);
    caught = !outcome.wrong.empty();
    if (!outcome.acted) break;
  }
  CHECK(caught);
}

TEST_CASE("a source that is written to while its copy is published goes back",
          "[transfer][seize]") {
  /// A program that adds to the file through another name of it.
  class LateWriter final : public ForwardingSys {
   public:
    explicit LateWriter(SimulatedSys& disk) : ForwardingSys{disk}, disk_{disk} {}

   protected:
    SysResult after(const CallInfo& info, SysResult result) override {
      if (info.call == Call::renameat2 && !written_ && disk_.list("/q/new").size() == 1) {
        written_ = true;
        const detail::UniqueFd folder = detail::open_directory(disk_, "/elsewhere");
        const detail::UniqueFd fd{
            disk_, disk_.openat(folder.get(), "backup", O_WRONLY | O_APPEND | O_CLOEXEC).fd()};
        CHECK(disk_.write(fd.get(), " more", 5).ok());
      }
      return result;
    }

   private:
    SimulatedSys& disk_;
    bool written_ = false;
  };
  SimulatedSys disk;
  make_story_queue(disk, kQueue);
  disk.plant_file(kSource, "first");
  disk.plant_hard_link(kSource, "/elsewhere/backup");
  {
    LateWriter sys{disk};
    detail::OpenQueue queue{sys, kQueue, {}};
    Transfer transfer{queue, kFolder, {.always_copy = true}};
    transfer.take(arrivals_in(transfer, FolderKind::plain));
  }
  CHECK(disk.read_file(kSource) == "first more");
  take_all(disk, Way::copy_here);
  CHECK(drain(disk) == Counts{{"first", 1}, {"first more", 1}});
}

/// Writes another content of the same size, with the same mtime.
void overwrite(SimulatedSys& disk, const std::string& folder, const std::string& file) {
  const detail::UniqueFd directory = detail::open_directory(disk, folder);
  struct stat status = {};
  REQUIRE(disk.fstatat(directory.get(), file.c_str(), status).ok());
  {
    const detail::UniqueFd fd{
        disk, disk.openat(directory.get(), file.c_str(), O_WRONLY | O_CLOEXEC).fd()};
    REQUIRE(disk.write(fd.get(), "other", 5).ok());
  }
  disk.set_modified(folder + "/" + file, std::chrono::seconds{status.st_mtim.tv_sec} +
                                             std::chrono::nanoseconds{status.st_mtim.tv_nsec});
}

// Under its old name a program of another queue could take it once more.
TEST_CASE("a published source that a dead process has seized is removed and not put back",
          "[transfer][seize][kill]") {
  const bool is_other = GENERATE(false, true);
  int seized_and_published = 0;
  bool died = true;
  for (std::uint64_t dies_at = 1; died && dies_at < kCallsMax; ++dies_at) {
    SimulatedSys disk;
    disk.record_calls(false);
    make_story_queue(disk, kQueue);
    disk.plant_file(kSource, "first");
    ProcessSys process{disk, dies_at};
    try {
      detail::OpenQueue queue{process, kQueue, {}};
      Transfer transfer{queue, kFolder, {.always_copy = true}};
      transfer.take(arrivals_in(transfer, FolderKind::plain));
    } catch (const Error&) {
    }
    died = process.dead();
    process.kill();
    bool is_seized = false;
    if (disk.exists("/q/intake")) {
      for (const std::string& each : disk.list("/q/intake")) {
        if (!is_private(each) || each == detail::intake_folder_name(kFolder)) continue;
        is_seized = true;
        if (is_other) overwrite(disk, "/q/intake", each);
      }
    }
    const bool was_published = disk.list("/q/new").size() == 1;
    if (is_seized && was_published) ++seized_and_published;
    {
      detail::OpenQueue queue{disk, kQueue, {}};
      const Transfer next{queue, kFolder, {.always_copy = true}};
    }
    INFO("dies at " << dies_at);
    const bool is_published = disk.list("/q/new").size() == 1;
    CHECK(disk.exists(kSource) == (!is_published || (is_seized && is_other)));
    take_all(disk, Way::copy_here);
    const Counts counts = drain(disk);
    CHECK(counts.count("other") == (is_seized && is_other ? 1U : 0U));
    CHECK((counts.count("first") == 1U || (is_seized && is_other)));
    for (const auto& [payload, count] : counts) CHECK(count == 1);
    CHECK(left_in(disk, kFolder) + left_in(disk, "/q/intake") == "");
  }
  CHECK(!died);
  CHECK(seized_and_published > 1);
}

TEST_CASE("a marker that a dead process has seized gives way to a newer one",
          "[transfer][seize][kill]") {
  const auto way = GENERATE(Way::rename, Way::copy_elsewhere);
  const std::string folder = foreign_folder(kQueue, FolderKind::marked);
  const auto take = [&](detail::Sys& sys) {
    TwoMounts two{sys};
    if (way == Way::copy_elsewhere) two.put_away(folder);
    detail::OpenQueue queue{two, kQueue, {}};
    Transfer transfer{queue, folder, {}};
    for (int i = 0; i < 2; ++i) transfer.take(arrivals_in(transfer, FolderKind::marked));
  };
  int without_marker = 0;
  bool died = true;
  for (std::uint64_t dies_at = 1; died && dies_at < kCallsMax; ++dies_at) {
    SimulatedSys disk;
    disk.record_calls(false);
    make_story_queue(disk, kQueue);
    make_foreign_folder(disk, kQueue, FolderKind::marked, "first");
    ProcessSys process{disk, dies_at};
    try {
      take(process);
    } catch (const Error&) {
    }
    died = process.dead();
    process.kill();
    const std::string marker = folder + "/report.txt.done";
    if (!disk.exists(marker) && disk.exists(folder + "/report.txt")) {
      ++without_marker;
      disk.plant_file(marker, "newer");
    }
    take(disk);
    INFO("dies at " << dies_at);
    CHECK(drain(disk) == Counts{{"first", 1}});
    CHECK(left_in(disk, folder) + left_in(disk, "/q/intake") == "");
  }
  CHECK(!died);
  CHECK(without_marker > 1);
}

TEST_CASE("a source goes back when an error ends its copy, or it cannot be unlinked",
          "[transfer][seize]") {
  enum class Fails { copy, part, source };
  /// A system in which one call fails.
  class Failing final : public ForwardingSys {
   public:
    Failing(SimulatedSys& disk, Fails fails) : ForwardingSys{disk}, fails_{fails} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool is_private_name = info.name != nullptr && is_private(info.name);
      if (info.call == Call::renameat2 && std::string_view{info.name} == "a.txt") seized_ = true;
      if (fails_ == Fails::copy && seized_ && info.call == Call::fsync) {
        return SysResult::failure(EIO);
      }
      const bool unlinks =
          info.call == Call::unlinkat &&
          (fails_ == Fails::source ? is_private_name : std::string_view{info.name} == "field");
      if (fails_ != Fails::copy && unlinks) return SysResult::failure(EPERM);
      return std::nullopt;
    }

   private:
    Fails fails_;
    bool seized_ = false;
  };
  const auto fails = GENERATE(Fails::copy, Fails::part, Fails::source);
  SimulatedSys disk;
  make_story_queue(disk, kQueue);
  disk.plant_file(kSource, "first");
  Failing sys{disk, fails};
  {
    detail::OpenQueue queue{sys, kQueue, {}};
    Transfer transfer{queue, kFolder, {.always_copy = true}};
    auto arrivals = arrivals_in(transfer, FolderKind::plain);
    if (fails == Fails::part) arrivals.at(0).parts = {"field"};
    if (fails == Fails::copy) {
      CHECK_THROWS_AS(transfer.take(arrivals), Error);
    } else {
      CHECK(transfer.take(arrivals).at(0).outcome == detail::Transferred::Outcome::taken);
    }
  }
  CHECK(disk.exists(kSource));
  take_all(disk, Way::copy_here);
  CHECK_FALSE(disk.exists(kSource));
  CHECK(drain(disk) == Counts{{"first", 1}});
}

TEST_CASE("a seized source whose folder was removed is kept on record", "[transfer][seize]") {
  SimulatedSys disk;
  make_story_queue(disk, kQueue);
  disk.plant_file(kSource, "first");
  detail::OpenQueue queue{disk, kQueue, {}};
  const detail::UniqueFd folder = detail::open_directory(disk, kFolder);
  {
    detail::SeizedSources sources{queue, kFolder, folder.get(), /*same_mount=*/true};
    detail::SeizedSource source{.original = "a.txt"};
    sources.announce({&source});
    REQUIRE(sources.seize(source, folder.get(), "a.txt").ok());
    const detail::UniqueFd root = detail::open_directory(disk, "/");
    REQUIRE(disk.unlinkat(root.get(), "q-folder", AT_REMOVEDIR).ok());
    sources.put_back(source, folder.get(), "a.txt");
    CHECK(sources.has_kept());
  }
  // The folder is made again.
  disk.plant_directory(kFolder);
  take_all(disk, Way::rename);
  CHECK(drain(disk) == Counts{{"first", 1}});
}

TEST_CASE("a source with a second name goes, and the second name stays", "[transfer][seize]") {
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
