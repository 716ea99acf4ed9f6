// The power is cut after every call of every transition, on a disk in memory that forgets what was
// not synced. In every state that the disk may then be in, the promises hold. Mutants, the library
// with one call left out, must be caught by the same judgement.
#include <fmt/core.h>
#include <linux/magic.h>

#include "queue/store/open_queue.hpp"
#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "tests/model/promises.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/mutant_sys.hpp"
#include "tests/support/simulated_sys.hpp"

namespace spoolq::test {
namespace {

constexpr const char* kPath = "/q";

/// What an explorer found.
struct Findings {
  std::uint64_t states = 0;
  std::string wrong;  ///< The first few contradictions.
};

/// Cuts the power after each call that may have changed something.
class PowerCutSys final : public ForwardingSys {
 public:
  PowerCutSys(SimulatedSys& disk, const Fates& fates, Findings& findings)
      : ForwardingSys{disk}, disk_{disk}, fates_{fates}, findings_{findings} {}

  /// Judges every state that a cut at this moment can leave.
  void cut(const char* when) {
    for (const CrashState& state : disk_.crash_states()) {
      const auto crashed = disk_.crash(state);
      ++findings_.states;
      const std::string wrong = judge(*crashed, kPath, fates_);
      if (wrong.empty() || findings_.wrong.size() > kEnough) continue;
      findings_.wrong += fmt::format("cut {} ({}): {}", when, state.description, wrong);
    }
  }

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    if (result.ok() && changes(info.call)) cut(to_string(info.call));
    return result;
  }

 private:
  static constexpr std::size_t kEnough = 2000;

  static bool changes(Call call) {
    switch (call) {
      case Call::write:
      case Call::ftruncate:
      case Call::fallocate:
      case Call::fsync:
      case Call::syncfs:
      case Call::mkdirat:
      case Call::unlinkat:
      case Call::symlinkat:
      case Call::renameat2:
      case Call::fsetxattr:
      case Call::fremovexattr:
        return true;
      default:
        return false;
    }
  }

  SimulatedSys& disk_;
  const Fates& fates_;
  Findings& findings_;
};

enum class Committed { yes, no };

Findings explore(const Story& story, Mutant mutant, CrashModel model, Committed committed) {
  SimulatedSys disk{model};
  disk.record_calls(false);
  make_story_queue(disk, kPath);
  Fates fates;
  MutantSys beginning{disk, mutant};
  story.prepare(beginning, kPath, fates);
  if (committed == Committed::yes) disk.commit();
  Findings findings;
  PowerCutSys power{disk, fates, findings};
  MutantSys sys{power, mutant};
  story.act(sys, kPath, fates);
  power.cut("at the end");
  return findings;
}

bool caught(Mutant mutant, const std::string& name, CrashModel model = CrashModel::journal,
            Committed committed = Committed::no) {
  return !explore(story(name), mutant, model, committed).wrong.empty();
}

/// Stories that a power cut may change before they begin: a stranger's file that nobody synced.
bool needs_commit(const Story& story) { return story.name == "take a stranger's file"; }

}  // namespace

TEST_CASE("after a power cut at any call the promises hold", "[crash][stories]") {
  const auto model = GENERATE(CrashModel::journal, CrashModel::per_directory);
  const auto committed = GENERATE(Committed::yes, Committed::no);
  std::uint64_t states = 0;
  for (const Story& story : stories()) {
    if (committed == Committed::no && needs_commit(story)) continue;
    const Findings findings = explore(story, Mutant::none, model, committed);
    states += findings.states;
    INFO(story.name);
    INFO(findings.wrong);
    CHECK(findings.wrong.empty());
  }
  CHECK(states > 500);
}

namespace {

/// What is wrong in the states that a power cut may leave while the only message is being handled
/// for the first time: the run has begun, so whoever takes the message next is to know of it.
std::string wrong_counts(Mutant mutant, CrashModel model) {
  SimulatedSys disk{model};
  make_story_queue(disk, kPath);
  const auto open = [](detail::Sys& sys) {
    return handle(std::make_shared<detail::OpenQueue>(sys, kPath, LogHandler{}));
  };
  open(disk).configure({{"crash_count", "durable"}});
  Producer{open(disk)}.put("it takes the machine down");
  disk.commit();
  MutantSys sys{disk, mutant};
  Consumer consumer{open(sys)};
  const auto claim = consumer.try_take();
  REQUIRE(claim);
  std::string wrong;
  for (const CrashState& state : disk.crash_states()) {
    const auto crashed = disk.crash(state);
    Consumer next{open(*crashed)};
    const auto again = next.try_take();
    REQUIRE(again);
    if (again->info().attempts == 2) continue;
    wrong += fmt::format("{}: attempt {}\n", state.description, again->info().attempts);
  }
  return wrong;
}

}  // namespace

TEST_CASE("a run that a power cut ended is counted with crash_count=durable", "[crash]") {
  CHECK(wrong_counts(Mutant::none, CrashModel::journal).empty());
  CHECK(wrong_counts(Mutant::none, CrashModel::per_directory).empty());
}

TEST_CASE("an attempt that is not synced is caught", "[crash][mutant]") {
  CHECK_FALSE(wrong_counts(Mutant::no_sync_at_all, CrashModel::journal).empty());
  CHECK_FALSE(wrong_counts(Mutant::no_sync_at_all, CrashModel::per_directory).empty());
}

TEST_CASE("a put without fsync of the file is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::no_file_fsync, "put"));
}

TEST_CASE("a put without fsync of new/ is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::no_new_fsync, "put"));
}

TEST_CASE("an ack without sync is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::no_ack_sync, "claim and ack"));
}

TEST_CASE("an ack that syncs new/ instead of cur/ is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::ack_syncs_new, "claim and ack"));
}

TEST_CASE("a move by copy without fsync of the copy is caught", "[crash][mutant]") {
  // What the story begins with is safe: it is the copy that is lost.
  CHECK(caught(Mutant::no_file_fsync, "move by copy", CrashModel::journal, Committed::yes));
}

TEST_CASE("on btrfs a put that is published with a lone fsync of new/ is caught",
          "[crash][mutant]") {
  const auto committed = GENERATE(Committed::yes, Committed::no);
  for (const char* name : {"put", "put with all options", "move by copy"}) {
    INFO(name);
    CHECK(caught(Mutant::fsync_on_btrfs, name, CrashModel::per_directory, committed));
  }
}

TEST_CASE("a move by copy without a sync of the target is caught", "[crash][mutant]") {
  // The two queues have nothing in common, as the directories of this disk.
  CHECK(caught(Mutant::no_syncfs, "move by copy", CrashModel::per_directory, Committed::yes));
}

TEST_CASE("an adopted file that is copied without fsync is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::no_file_fsync, "adopt by copy", CrashModel::journal, Committed::yes));
}

TEST_CASE("an adopted file that is copied without a journal is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::no_journal, "adopt by copy"));
  CHECK(caught(Mutant::no_journal, "adopt and keep"));
}

TEST_CASE("an adopted file whose marker goes without a record is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::no_journal, "adopt beside a marker"));
}

TEST_CASE("an adopted file that is seized without a record is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::no_seize_record, "adopt"));
}

TEST_CASE("a rename that replaces is caught", "[crash][mutant]") {
  CHECK(caught(Mutant::rename_replaces, "reap beside a copy"));
}

TEST_CASE("no sync at all is caught in every story that finishes or accepts a message",
          "[crash][mutant]") {
  for (const char* name : {"put", "put with all options", "claim and ack", "remove"}) {
    INFO(name);
    CHECK(caught(Mutant::no_sync_at_all, name));
  }
}

TEST_CASE(
    "on a file system that writes each directory on its own, one fsync of cur/ would bring "
    "an acked message back",
    "[crash][mutant]") {
  // ext4's policy on such a disk: the reason why everything but ext4 and xfs gets one syncfs.
  SimulatedSys disk{CrashModel::per_directory};
  disk.set_file_system_type(EXT4_SUPER_MAGIC);
  make_story_queue(disk, kPath);
  Fates fates;
  const Story& ack = story("claim and ack");
  ack.prepare(disk, kPath, fates);
  disk.commit();
  Findings findings;
  PowerCutSys power{disk, fates, findings};
  ack.act(power, kPath, fates);
  power.cut("at the end");
  CHECK_FALSE(findings.wrong.empty());
}

}  // namespace spoolq::test
