// work: what is not a message's fault costs it no attempt.
#include <csignal>
#include <string>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

std::string attempts_of(const Workplace& place, const std::string& id) {
  return place.show(id).at("attempts").dump();
}

/// The only file of a folder of the queue.
fs::path only_file(const std::string& folder) {
  const auto names = names_in(folder);
  REQUIRE(names.size() == 1);
  return fs::path{folder} / names.front();
}

}  // namespace

TEST_CASE("where nobody reads the standard output, messages are given back and the worker stops",
          "[cli][work][preconditions]") {
  const Workplace place{{"max_attempts=1"}};
  for (int i = 0; i < 3; ++i) place.put();
  Invocation worker = place.script({"--drain"}, "seq 100000");
  worker.reader_gone = true;
  CHECK(run(worker).exit == 128 + SIGPIPE);
  CHECK(place.count("ready") == 3);
  CHECK(place.count("failed") == 0);
  // With --output-dir nobody needs to read it.
  fs::create_directory(place / "out");
  worker = place.script({"--drain", "--output-dir", place / "out"}, "echo x");
  worker.reader_gone = true;
  CHECK(run(worker).exit == 0);
  CHECK(names_in(place / "out").size() == 3);
}

TEST_CASE("a reader that goes away while a job writes makes no failed message",
          "[cli][work][preconditions]") {
  const Workplace place{{"max_attempts=1"}};
  const std::string id = place.put();
  Invocation shell = place.worker({}, {"sh", "-c", "echo first; seq 1000000"});
  std::string line = program_path();
  for (const std::string& word : shell.arguments) line += " '" + word + "'";
  shell.program = "/bin/sh";
  shell.arguments = {"-c", line + " | head -1"};
  CHECK(run(shell).out == "first\n");
  CHECK(eventually([&] { return place.count("ready") == 1; }));
  CHECK(attempts_of(place, id) == "0");
}

TEST_CASE("a worker without a standard output begins nothing", "[cli][work][preconditions]") {
  const Workplace place;
  const std::string id = place.put();
  Invocation worker = place.script({"--once"}, "cat");
  worker.output_closed = true;
  CHECK(run(worker).exit == 74);
  CHECK(attempts_of(place, id) == "0");
}

TEST_CASE("a worker whose queue is renamed stops, and no message pays for it",
          "[cli][work][preconditions]") {
  const Workplace place{{"max_attempts=1"}};
  Running worker{place.logged({}, "cat {}")};
  REQUIRE(eventually(
      [&] { return has(run_well({"stats", place.queue(), "--json"}), R"("consumers":1)"); }));
  fs::rename(place.queue(), place / "renamed");
  run_well({"put", place / "renamed"}, "x");
  const Outcome outcome = worker.wait();
  CHECK(outcome.exit == 66);
  CHECK(has(read_file(place / "err"), "renamed"));
  CHECK(names_in(place / "renamed/new").size() == 1);
  CHECK_FALSE(has(names_in(place / "renamed/new").front(), ",A="));
}

TEST_CASE("a damaged payload is set aside and not worked on", "[cli][work][preconditions]") {
  const Workplace place;
  place.put("good");
  write_file(only_file(place.queue() + "/new"), "evil");
  place.put("next");
  const Outcome outcome = place.drain("cat; echo");
  CHECK(outcome.out == "next\n");
  CHECK(has(outcome.err, "damaged"));
  CHECK(names_in(place.queue() + "/bad").size() == 1);
  CHECK(place.count("failed") == 0);
}

TEST_CASE("a queue does not hand over to itself", "[cli][work][preconditions]") {
  const Workplace place;
  const std::string id = place.put();
  fs::create_directory_symlink(place.queue(), place / "link");
  for (const std::string& target : {place.queue(), place / "link"}) {
    const Outcome outcome = run(place.script({"--drain", "--on-success=mv:" + target}, "echo ran"));
    CHECK(outcome.exit == 65);
    CHECK(outcome.out.empty());
  }
  CHECK(attempts_of(place, id) == "0");
}

TEST_CASE("what cannot be handed over yet is not worked on again", "[cli][work][preconditions]") {
  const Workplace place;
  const std::string target = place / "target";
  run_well({"init", target, "max_messages=1"});
  run_well({"put", target}, "in the way");
  const std::string id = place.put();
  Running worker{place.logged({"--on-success=mv:" + target}, "echo ran >> runs")};
  REQUIRE(eventually([&] { return has(read_file(place / "err"), "trying again"); }));
  SECTION("until there is room") {
    run_well({"take", target});
    CHECK(eventually([&] { return has(run_well({"ls", target, "-q"}), id); }));
    worker.signal(SIGTERM);
  }
  SECTION("or the worker is to end") {
    worker.signal(SIGTERM);
    CHECK(eventually([&] { return place.count("claimed") == 0; }));
    CHECK(place.show(id).at("state") == "ready");
    CHECK(has(place.show(id).at("reason").at("text"), "could not be moved"));
  }
  CHECK(worker.wait().exit == 0);
  CHECK(read_file(place / "runs") == "ran\n");
}

TEST_CASE("a supervisor that was stopped does not keep a job from ending",
          "[cli][work][preconditions][supervision]") {
  const Workplace place;
  SECTION("at its timeout") {
    place.put();
    CHECK(run(place.script({"--once", "--timeout=200ms", "--grace=100ms"},
                           "kill -STOP $PPID; sleep 1000"))
              .exit == 0);
    CHECK(place.count("claimed") == 0);
  }
  SECTION("when the worker is killed") {
    const std::string id = place.put();
    Running worker{place.script({},
                                "echo $$ > pid.tmp; mv pid.tmp pid; kill -STOP $PPID;"
                                "sleep 1000")};
    REQUIRE(eventually([&] { return fs::exists(place / "pid"); }));
    worker.signal(SIGKILL);
    worker.wait();
    const long job = std::stol(read_file(place / "pid"));
    CHECK(eventually([&] { return !is_alive(job); }));
    CHECK(eventually([&] {
      run_well({"reap", place.queue()});
      return place.count("ready") == 1;
    }));
    CHECK(attempts_of(place, id) == "1");
  }
}

}  // namespace spoolq::test
