// work: what is kept of a run that failed, timeouts, and how often and when a message is tried.
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

TEST_CASE("a failed run leaves its exit code and the end of its standard error", "[cli][work]") {
  const Workplace place{{"backoff=100d"}};
  const std::string id = place.put();
  const Outcome outcome = place.drain("echo first >&2; echo 'no such user' >&2; exit 3");
  CHECK(has(outcome.err, "first\nno such user\n"));
  const nlohmann::json message = place.show(id);
  CHECK(message.at("state") == "delayed");
  CHECK(message.at("attempts") == 1);
  const nlohmann::json& reason = message.at("reason");
  CHECK(reason.at("text") == "exit code 3");
  CHECK(reason.at("exit_code") == 3);
  CHECK(reason.at("stderr") == "first\nno such user\n");
  CHECK_FALSE(reason.at("host").get<std::string>().empty());
  CHECK_FALSE(reason.at("consumer").get<std::string>().empty());
}

TEST_CASE("of a long standard error all is passed on and the end is kept", "[cli][work]") {
  const Workplace place{{"max_attempts=1"}};
  const std::string id = place.put();
  std::string expected;
  for (int i = 1; i <= 20000; ++i) expected += std::to_string(i) + "\n";
  const Outcome outcome = place.drain("seq 20000 >&2; exit 1");
  CHECK(outcome.err.starts_with(expected));
  const std::string end = place.show(id).at("reason").at("stderr");
  CHECK(end.size() > 500);
  CHECK(end.size() <= 2048);
  CHECK(expected.ends_with(end));
}

TEST_CASE("standard error that nobody reads does not stop the clock of a job", "[cli][work]") {
  const std::string format = GENERATE(as<std::string>{}, "text", "json");
  const Workplace place{{"max_attempts=1"}};
  place.put();
  Running worker{place.script({"--once", "--timeout=300ms", "--quiet", "--log-format=" + format},
                              "while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx >&2; done")};
  // The pipe is full, and the job is killed all the same; only the words about it have to wait.
  CHECK(eventually([&] { return place.count("failed") == 1; }));
  CHECK(worker.wait().exit == 0);
}

TEST_CASE("a job that runs too long is ended by SIGTERM and counts as failed", "[cli][work]") {
  const Workplace place{{"max_attempts=1"}};
  const std::string id = place.put();
  const auto begun = Clock::now();
  place.drain("trap 'echo ended > ended; exit 0' TERM; sleep 60 & wait", {"--timeout=200ms"});
  CHECK(Clock::now() - begun < std::chrono::seconds{9});  // Without its grace.
  CHECK(read_file(place / "ended") == "ended\n");
  const nlohmann::json reason = place.show(id).at("reason");
  CHECK(has(reason.at("text"), "timed out after 200ms"));
  CHECK(reason.at("exit_code") == 124);
}

TEST_CASE("SIGTERM reaches the whole process group of a job, also one that is stopped",
          "[cli][work]") {
  const Workplace place{{"max_attempts=1"}};
  place.put();
  place.drain(
      "sh -c 'trap \"echo child >> ended; exit\" TERM; echo ready > ready; sleep 60 & wait' &"
      "trap 'wait; echo parent >> ended; exit 0' TERM;"
      "while [ ! -e ready ]; do sleep 0.01; done; kill -STOP $$; wait",
      {"--timeout=1s"});
  CHECK(read_file(place / "ended") == "child\nparent\n");
}

TEST_CASE("a job that ignores SIGTERM is killed after the grace", "[cli][work]") {
  const Workplace place{{"max_attempts=1"}};
  const std::string id = place.put();
  const auto begun = Clock::now();
  place.drain("trap '' TERM; sleep 60", {"--timeout=100ms", "--grace=100ms"});
  CHECK(Clock::now() - begun < std::chrono::seconds{9});
  CHECK(place.show(id).at("reason").at("exit_code") == 124);
}

TEST_CASE("a job that ends in time has not timed out", "[cli][work]") {
  const Workplace place;
  place.put();
  place.drain("exit 0", {"--timeout=1h"});
  CHECK(place.count("ready,delayed,failed") == 0);
}

TEST_CASE("a message is run as often as max_attempts says, or --max-attempts", "[cli][work]") {
  const Workplace place{{"max_attempts=2"}};
  const std::string id = place.put();
  CHECK(lines_of(place.drain("echo run; exit 1").out).size() == 2);
  CHECK(place.show(id).at("state") == "failed");
  CHECK(place.show(id).at("attempts") == 2);
  run_well({"retry", place.queue(), id});
  CHECK(lines_of(place.drain("echo run; exit 1", {"--max-attempts=4"}).out).size() == 4);
  CHECK(place.show(id).at("state") == "failed");
  CHECK(place.show(id).at("attempts") == 4);
}

TEST_CASE("a failed run waits as long as the backoff says, or --backoff", "[cli][work]") {
  const Workplace place{{"backoff=100d"}};
  const std::string id = place.put();
  place.drain("exit 1");
  CHECK(place.show(id).at("state") == "delayed");
  CHECK(place.show(id).at("attempts") == 1);

  const Workplace other;  // Its setting is off.
  const std::string late = other.put();
  other.drain("exit 1", {"--backoff=50d..100d"});
  CHECK(other.show(late).at("state") == "delayed");
  CHECK(other.show(late).at("attempts") == 1);
}

TEST_CASE("a message whose time to live is over after a failed run is failed", "[cli][work]") {
  const Workplace place;
  const std::string id = place.put("x", {"--ttl=1s"});
  place.drain("sleep 1.1; exit 1");
  CHECK(place.show(id).at("state") == "failed");
  CHECK(place.show(id).at("attempts") == 1);
}

TEST_CASE("a message that fails does not hold up the others", "[cli][work]") {
  const Workplace place{{"max_attempts=3"}};
  place.put("", {"--name=bad"});
  for (int i = 0; i < 3; ++i) place.put("", {"--name=good"});
  place.drain("test $SPOOLQ_NAME = good");
  CHECK(place.count("failed") == 1);
  CHECK(place.count("ready,claimed,delayed") == 0);
}

TEST_CASE("with a lease the claim is kept as long as the job runs", "[cli][work]") {
  const Workplace place{{"lease=800ms"}};
  place.put();
  Running worker{place.script({"--drain"}, "echo run >> runs; sleep 1.8")};
  REQUIRE(eventually([&] { return fs::exists(place / "runs"); }));
  // Another consumer watches, and would take the message back.
  const Outcome other = run({"take", place.queue(), "--wait=1500ms"});
  CHECK(other.exit == 1);
  const Outcome outcome = worker.wait();
  CHECK(outcome.exit == 0);
  CHECK_FALSE(has(outcome.err, "lost"));
  CHECK(read_file(place / "runs") == "run\n");
  CHECK(place.count("ready,claimed,delayed,failed") == 0);
}

TEST_CASE("a job whose claim was lost is killed and harms nobody", "[cli][work]") {
  const Workplace place{{"lease=300ms", "keep_done=on"}};
  const std::string id = place.put();
  Running worker{place.script({"--once"}, "echo $$ > pid; sleep 60")};
  REQUIRE(eventually([&] { return !read_file(place / "pid").empty(); }));
  // Somebody removes it by force.
  run_well({"rm", place.queue(), "--force", id});
  const Outcome outcome = worker.wait();
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.err, "the claim was lost"));
  CHECK_FALSE(is_alive(std::stol(read_file(place / "pid"))));
  CHECK(place.count("ready,claimed,delayed,failed,done") == 0);
}

TEST_CASE("a claim that is lost at the end of a job is only told", "[cli][work]") {
  const Workplace place;
  place.put();
  const Outcome outcome = run(place.script({"--once"}, "rm \"$SPOOLQ_FILE\""));
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.err, " lost "));
}

}  // namespace
}  // namespace spoolq::test
