// mv, purge, and retry of many: messages moved and removed by hand.
#include <fmt/core.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

/// Two queues, q and r, in a folder.
class Queues {
 public:
  Queues() {
    run_well({"init", q});
    run_well({"init", r});
  }
  Scratch scratch;
  const std::string q = scratch / "q";
  const std::string r = scratch / "r";

  std::string put(const std::string& payload, std::vector<std::string> options = {}) const {
    options.insert(options.begin(), {"put", q});
    return run_well(options, payload);
  }
  std::string put_failed(const std::string& payload) const {
    put(payload, {"--priority=0"});
    const std::string held = run_well({"take", q, "--hold"});
    run_well({"fail", q, held.substr(37), "--reason=because"});
    return held.substr(0, 36);
  }
};

std::vector<std::string> ids(const std::string& queue, const std::string& state) {
  return lines_of(run_well({"ls", queue, "-q", "--state", state}));
}

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("mv moves by id and keeps id and headers", "[cli][mv]") {
  const Queues queues;
  const std::string one = queues.put("one", {"--header", "user=7", "--key=k"});
  const std::string two = queues.put("two");
  CHECK(run_well({"mv", queues.q, queues.r, one}).empty());
  CHECK(ids(queues.q, "ready") == Ids{two});
  CHECK(ids(queues.r, "ready") == Ids{one});
  const std::string shown = run_well({"show", queues.r, one, "--json"});
  CHECK(has(shown, R"("user":"7")"));
  CHECK(has(shown, R"("key":"k")"));
  CHECK(run_well({"take", queues.r}) == "one");
}

TEST_CASE("mv --all moves what there is to do, by state and selector", "[cli][mv]") {
  const Queues queues;
  const std::string ready = queues.put("ready", {"--key=a"});
  const std::string delayed = queues.put("delayed", {"--delay=1h", "--key=b"});
  const std::string failed = queues.put_failed("failed");
  SECTION("everything") {
    CHECK(run_well({"mv", queues.q, queues.r, "--all"}) == "moved 3");
    CHECK(ids(queues.r, "ready") == Ids{ready});
    CHECK(ids(queues.r, "delayed") == Ids{delayed});
    CHECK(ids(queues.r, "failed") == Ids{failed});
    CHECK(has(run_well({"show", queues.r, failed}), "reason: because"));
    const Outcome again = run({"mv", queues.q, queues.r, "--all"});
    CHECK(again.exit == 1);
    CHECK(again.out.empty());
    CHECK(has(again.err, "no such messages"));
  }
  SECTION("a state") {
    CHECK(run_well({"mv", queues.q, queues.r, "--all", "--state=failed,delayed"}) == "moved 2");
    CHECK(ids(queues.q, "ready") == Ids{ready});
  }
  SECTION("a key") {
    CHECK(run_well({"mv", queues.q, queues.r, "--all", "--key", "b"}) == "moved 1");
    CHECK(ids(queues.r, "delayed") == Ids{delayed});
  }
  SECTION("only what it would do") {
    CHECK(lines_of(run_well({"mv", queues.q, queues.r, "--all", "--dry-run"})).size() == 3);
    CHECK(run_well({"mv", queues.q, queues.r, "--dry-run", ready}) == ready);
    CHECK(ids(queues.q, "ready").size() == 1);
  }
}

TEST_CASE("mv leaves claimed messages, and says so", "[cli][mv]") {
  const Queues queues;
  const std::string id = queues.put("held");
  run_well({"take", queues.q, "--hold"});
  const Outcome refused = run({"mv", queues.q, queues.r, id});
  CHECK(refused.exit == 66);
  CHECK(has(refused.err, "claimed until"));
  CHECK(run({"mv", queues.q, queues.r, "--all"}).exit == 1);
  CHECK(run({"mv", queues.q, queues.r, "--all", "--state=claimed"}).exit == 65);
}

TEST_CASE("mv into the same queue, or none, changes nothing", "[cli][mv]") {
  const Queues queues;
  const std::string id = queues.put("x");
  const Outcome same = run({"mv", queues.q, queues.q + "/../q", id});
  CHECK(same.exit == 65);
  CHECK(has(same.err, "is the same queue"));
  CHECK(run({"mv", queues.q, queues.scratch / "none", id}).exit == 66);
  CHECK(run({"mv", queues.q, queues.r, "no-such-id"}).exit == 66);
  CHECK(run({"mv", queues.q, queues.r}).exit == 64);
  CHECK(run({"mv", queues.q, queues.r, id, "--all"}).exit == 64);
  CHECK(run({"mv", queues.q, queues.r, id, "--older=1h"}).exit == 64);
  CHECK(ids(queues.q, "ready") == Ids{id});
}

TEST_CASE("mv stops at the limits of the target, and the rest stays", "[cli][mv]") {
  const Queues queues;
  for (int i = 0; i < 4; ++i) queues.put("x");
  run_well({"config", queues.r, "max_messages=2"});
  const Outcome full = run({"mv", queues.q, queues.r, "--all"});
  CHECK(full.exit == 75);
  CHECK(full.out == "moved 2\n");
  CHECK(has(full.err, "max_messages is 2"));
  CHECK(lines_of(full.err).size() == 1);  // Not asked again for each of the rest.
  CHECK(ids(queues.q, "ready").size() == 2);
}

TEST_CASE("one message that is too large does not keep the others", "[cli][mv]") {
  const Queues queues;
  queues.put("far too large");
  queues.put("ok");
  run_well({"config", queues.r, "max_size=5"});
  const Outcome outcome = run({"mv", queues.q, queues.r, "--all"});
  CHECK(outcome.exit == 65);
  CHECK(outcome.out == "moved 1\n");
  CHECK(run_well({"take", queues.r}) == "ok");
}

TEST_CASE("what is gone when its turn comes is passed over", "[cli][mv]") {
  const Queues queues;
  queues.put("x");
  // Listed as a message by its name; it is no file, and goes to bad/ when it is looked at.
  const std::string name = queues.q + "/later/9999999999999.5.01935a7b-8c3d-7e21-9f4a-2b6c8d0e1f3a";
  REQUIRE(::mkfifo(name.c_str(), 0600) == 0);
  CHECK(run_well({"mv", queues.q, queues.r, "--all"}) == "moved 1");
  CHECK(names_in(queues.q + "/bad").size() == 1);
}

TEST_CASE("of several errors the first is the exit code", "[cli][mv][rm]") {
  const Queues queues;
  const std::string claimed = queues.put("x");
  run_well({"take", queues.q, "--hold"});
  CHECK(run({"rm", queues.q, claimed, "no-such-id"}).exit == 72);
  CHECK(run({"rm", queues.q, "no-such-id", claimed}).exit == 66);
}

TEST_CASE("mv works across file systems", "[cli][mv]") {
  // Memory and disk: two file systems that are there without a mount.
  const Queues queues;
  const std::filesystem::path away =
      std::filesystem::path{"/dev/shm"} / queues.scratch.path().filename();
  std::error_code error;
  if (!std::filesystem::is_directory("/dev/shm", error)) {
    WARN("no /dev/shm: not run");
    return;
  }
  struct Removed {
    std::filesystem::path path;
    ~Removed() { std::filesystem::remove_all(path); }
  } removed{away};
  run_well({"init", away, "min_free=0"});
  run_well({"config", queues.q, "min_free=0"});
  const std::string id = queues.put(std::string(300'000, 'x'), {"--key=k"});
  const std::string failed = queues.put_failed("failed");
  CHECK(run_well({"mv", queues.q, away, "--all"}) == "moved 2");
  CHECK(ids(away, "ready") == Ids{id});
  CHECK(ids(away, "failed") == Ids{failed});
  CHECK(names_in(queues.scratch.path() / "q/cur").empty());
  CHECK(run_well({"mv", away, queues.q, id}).empty());
  CHECK(run_well({"take", queues.q}) == std::string(300'000, 'x'));
  CHECK(names_in(away / "new").empty());
}

TEST_CASE("purge needs --force where nobody can be asked", "[cli][purge]") {
  const Queues queues;
  queues.put("x");
  const Outcome refused = run({"purge", queues.q, "--all"});
  CHECK(refused.exit == 64);
  CHECK(has(refused.err, "--force"));
  CHECK(ids(queues.q, "ready").size() == 1);
  CHECK(run({"purge", queues.q, "--force"}).exit == 64);
  CHECK(run({"purge", queues.q, "--all", "--state=ready", "--force"}).exit == 64);
}

TEST_CASE("purge asks on a terminal and does what it is told", "[cli][purge]") {
  const Queues queues;
  queues.put("x");
  // script(1) gives the program a terminal and passes the answer on to it.
  const auto answered = [&](const std::string& answer) {
    return run(Invocation{
        .arguments = {"-c",
                      fmt::format("printf '{}\\n' | script -qec '{} purge {} --all' /dev/null",
                                  answer, program_path(), queues.q)},
        .environment = {{"PATH", "/usr/bin:/bin"}},
        .program = "/bin/sh"});
  };
  const Outcome no = answered("n");
  CHECK(no.exit == 1);
  CHECK(has(no.out, fmt::format("Remove 1 message from {} for good? [y/N]", queues.q)));
  CHECK(ids(queues.q, "ready").size() == 1);
  CHECK(answered("").exit == 1);
  const Outcome yes = answered("y");
  CHECK(yes.exit == 0);
  CHECK(has(yes.out, "removed 1"));
  CHECK(ids(queues.q, "ready").empty());
}

TEST_CASE("purge removes what is selected", "[cli][purge]") {
  const Queues queues;
  queues.put("a", {"--key=a", "--name=cat.jpg"});
  const std::string kept = queues.put("b", {"--key=b", "--name=dog.png"});
  queues.put_failed("failed");
  CHECK(run_well({"purge", queues.q, "--state=failed", "--force"}) == "removed 1");
  CHECK(run({"purge", queues.q, "--state=failed", "--force"}).exit == 1);
  CHECK(run({"purge", queues.q, "--all", "--older=1h", "--force"}).exit == 1);
  CHECK(lines_of(run_well({"purge", queues.q, "--all", "--dry-run"})).size() == 2);
  CHECK(run_well({"purge", queues.q, "--all", "--name=*.jpg", "--force"}) == "removed 1");
  CHECK(ids(queues.q, "ready") == Ids{kept});
  CHECK(run_well({"purge", queues.q, "--all", "--older=0", "--force"}) == "removed 1");
}

TEST_CASE("purge removes a claimed message only with --force", "[cli][purge]") {
  const Queues queues;
  queues.put("held");
  const std::string path = run_well({"take", queues.q, "--hold"}).substr(37);
  const Outcome dry = run({"purge", queues.q, "--all", "--dry-run"});
  CHECK(dry.exit == 1);
  CHECK(has(dry.err, "1 claimed messages stay"));
  CHECK(run_well({"purge", queues.q, "--state=claimed", "--force"}) == "removed 1");
  CHECK(run({"ack", queues.q, path}).exit == 72);
}

TEST_CASE("retry --all takes selectors and tells how many", "[cli][retry]") {
  const Queues queues;
  queues.put_failed("x");
  queues.put_failed("y");
  CHECK(run({"retry", queues.q, "--all", "--key=none"}).exit == 1);
  CHECK(run_well({"retry", queues.q, "--all"}) == "retried 2");
  CHECK(ids(queues.q, "ready").size() == 2);
  CHECK(run({"retry", queues.q, "--all"}).exit == 1);
}

TEST_CASE("@oldest is the same message for every verb: the oldest that is not done",
          "[cli][selectors]") {
  const Queues queues;
  run_well({"config", queues.q, "keep_done=on"});
  const std::string done = queues.put("done");
  CHECK(run_well({"take", queues.q}) == "done");
  const std::string live = queues.put("live");
  CHECK(run_well({"cat", queues.q, "@oldest"}) == "live");
  CHECK(run_well({"mv", queues.q, queues.r, "@oldest", "--dry-run"}) == live);
  run_well({"rm", queues.q, "@oldest"});
  CHECK(ids(queues.q, "ready").empty());
  CHECK(ids(queues.q, "done") == Ids{done});
  CHECK(run({"rm", queues.q, "@oldest"}).exit == 66);
}

TEST_CASE("a message is named by the path of its file too", "[cli][selectors]") {
  const Queues queues;
  queues.put("ready");
  queues.put("delayed", {"--delay=1h"});
  for (const std::string state : {"ready", "delayed"}) {
    const std::string listed = run_well({"ls", queues.q, "-0", "--state", state});
    CHECK(run_well({"cat", queues.q, listed.substr(0, listed.size() - 1)}) == state);
  }
  const std::string held = run_well({"take", queues.q, "--hold"}).substr(37);
  const std::string extended = run_well({"extend", queues.q, held, "--lease=2h"});
  CHECK_FALSE(std::filesystem::exists(held));
  CHECK(std::filesystem::exists(extended.substr(37)));
  CHECK(run_well({"cat", queues.q, held}) == "ready");
  run_well({"ack", queues.q, held});
}

TEST_CASE("with -n the first of all are chosen", "[cli][selectors]") {
  const Queues queues;
  const std::string one = queues.put("1");
  queues.put("2");
  CHECK(run_well({"mv", queues.q, queues.r, "--all", "-n", "1"}) == "moved 1");
  CHECK(ids(queues.r, "ready") == Ids{one});
  queues.put_failed("3");
  queues.put_failed("4");
  CHECK(run_well({"retry", queues.q, "--all", "-n1"}) == "retried 1");
}

}  // namespace spoolq::test
