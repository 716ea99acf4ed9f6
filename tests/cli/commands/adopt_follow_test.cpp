// adopt --follow: when files become messages that come while it runs.
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/cli/commands/adopting.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("what is renamed or linked into the folder is taken at once", "[cli][adopt][follow]") {
  const Inbox inbox;
  Follower follower{inbox, {"--settle=1h"}};
  inbox.drop_old("in place", "x");
  inbox.drop_by_rename("renamed", "whole");
  CHECK(follower.next() == "renamed");
  inbox.drop_by_rename("empty", "");
  CHECK(follower.next() == "empty");
  write_file(inbox.outside("tmp"), "whole");
  fs::create_hard_link(inbox.outside("tmp"), inbox / "linked");
  CHECK(follower.next() == "linked");
  const std::string delivered = "1795403749.M999038P6595.vm";
  inbox.drop_old(delivered, "mail");
  CHECK(follower.next() == delivered);
  const Outcome outcome = follower.stop();
  CHECK(outcome.exit == 0);
  CHECK(inbox.left() == std::vector<std::string>{"in place"});
}

TEST_CASE("a file that is written while one follows is taken whole, when its writer has closed it",
          "[cli][adopt][follow]") {
  const std::string rule = GENERATE("auto", "close", "lease");
  const bool polls = GENERATE(false, true);
  CAPTURE(rule, polls);
  const Inbox inbox;
  Follower follower{inbox, {"--done=" + rule, "--settle=30ms"}, polls};
  Writer writer{inbox / "slow"};
  writer.write("the beginning");
  // Longer than it would settle: another file came and went meanwhile.
  inbox.drop_old("quick", "quick");
  CHECK(follower.next() == "quick");
  writer.write(" and the end");
  inbox.drop_old("quick 2", "quick");
  CHECK(follower.next() == "quick 2");
  writer.close();
  CHECK(follower.next() == "slow");
  CHECK(follower.stop().exit == 0);
  CHECK(inbox.drain() ==
        Messages{{"quick", "quick"}, {"quick 2", "quick"}, {"slow", "the beginning and the end"}});
}

TEST_CASE("a file that was closed and is open again is not complete", "[cli][adopt][follow]") {
  const Inbox inbox;
  Follower follower{inbox, {"--done=close", "--settle=700ms"}};
  Writer first{inbox / "slow"};
  first.write("the beginning");
  first.close();
  Writer second{inbox / "slow"};
  // For longer than it would settle.
  for (int i = 0; i < 3; ++i) {
    const std::string name = "quick " + std::to_string(i);
    inbox.drop_old(name, "quick");
    CHECK(follower.next() == name);
  }
  second.write(" and the end");
  second.close();
  CHECK(follower.next() == "slow");
  CHECK(follower.stop().exit == 0);
  CHECK(inbox.drain().at("slow") == "the beginning and the end");
}

TEST_CASE("what one process moves no other one copies meanwhile", "[cli][adopt][follow]") {
  const Inbox inbox;
  const std::vector<std::string> keep = {"--keep", "--settle=0"};
  const std::vector<std::string> move = {"--settle=0"};
  const bool moves_first = GENERATE(false, true);
  {
    Follower first{inbox, moves_first ? move : keep};
    const Outcome second = inbox.adopt(moves_first ? keep : move);
    CHECK(second.exit == 75);
    CHECK(has(second.err, moves_first ? "moves files from there" : "copies files from there"));
    // Several may move.
    if (moves_first) CHECK(inbox.adopt(move).exit == 0);
    CHECK(first.stop().exit == 0);
  }
  CHECK(inbox.adopt(moves_first ? keep : move).exit == 0);
}

TEST_CASE("with --done=rename what is written in place is left while one follows",
          "[cli][adopt][follow]") {
  const Inbox inbox;
  Follower follower{inbox, {"--done=rename"}};
  inbox.drop_old("in place", "x");
  inbox.drop_by_rename("renamed", "x");
  CHECK(follower.next() == "renamed");
  fs::rename(inbox / "in place", inbox / "renamed too");
  CHECK(follower.next() == "renamed too");
  write_file(inbox.outside("tmp"), "x");
  fs::create_hard_link(inbox.outside("tmp"), inbox / "linked");
  CHECK(follower.next() == "linked");
  const std::string delivered = "1795403749.M999038P6595.vm";
  write_file(inbox.outside("tmp"), "x");
  fs::create_hard_link(inbox.outside("tmp"), inbox / delivered);
  fs::remove(inbox.outside("tmp"));
  CHECK(follower.next() == delivered);
  CHECK(follower.stop(SIGINT).exit == 0);
}

TEST_CASE("an empty file is taken when it was filled", "[cli][adopt][follow]") {
  const Inbox inbox;
  inbox.drop_old("placeholder", "");
  Follower follower{inbox, {"--settle=20ms"}};
  inbox.drop_old("other", "x");
  CHECK(follower.next() == "other");
  inbox.drop_old("placeholder", "filled");
  CHECK(follower.next() == "placeholder");
  CHECK(follower.stop().exit == 0);
}

TEST_CASE("a full queue is waited for, or refused with 75 by a single pass",
          "[cli][adopt][follow]") {
  const Inbox inbox;
  run_well({"config", inbox.queue(), "max_messages=1"});
  inbox.drop_old("a", "first");
  inbox.drop_old("b", "second");
  const Outcome outcome = inbox.adopt({"--settle=0"});
  CHECK(outcome.exit == 75);
  CHECK(has(outcome.out, "\ta\n"));
  CHECK(inbox.left() == std::vector<std::string>{"b"});
  Follower follower{inbox, {}};
  CHECK(run_well({"take", inbox.queue()}) == "first");
  CHECK(follower.next() == "b");
  CHECK(follower.stop().exit == 0);
}

TEST_CASE("a folder that is removed or renamed while one follows ends it with 66",
          "[cli][adopt][follow]") {
  const Inbox inbox;
  Follower follower{inbox, {}};
  const bool removed = GENERATE(true, false);
  if (removed) {
    fs::remove(inbox.folder());
  } else {
    // As logs are rotated: what is dropped from now on is dropped elsewhere.
    fs::rename(inbox.folder(), inbox.outside("old"));
    fs::create_directory(inbox.folder());
  }
  const Outcome outcome = follower.wait();
  CHECK(outcome.exit == 66);
  CHECK(has(outcome.err, "the folder was removed or renamed"));
}

}  // namespace spoolq::test
