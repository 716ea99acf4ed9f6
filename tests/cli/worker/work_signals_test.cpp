// work: stopping, killing, pausing; and that every message is accounted for, whenever it happens.
#include <chrono>
#include <csignal>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

bool says(const Workplace& place, const std::string& words) {
  return eventually([&] { return has(read_file(place / "err"), words); });
}

TEST_CASE("TERM, INT and HUP let a job finish, take nothing more and end with 0",
          "[cli][work][signals]") {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    CAPTURE(signal);
    const Workplace place;
    place.put_many(2);
    Running worker{
        place.logged({}, "touch running; while [ ! -e go ]; do sleep 0.01; done; echo ran")};
    REQUIRE(eventually([&] { return fs::exists(place / "running"); }));
    worker.signal(signal);
    CHECK(says(place, "finishing what runs"));
    write_file(place / "go", "");
    const Outcome outcome = worker.wait();
    CHECK(outcome.exit == 0);
    CHECK(outcome.out == "ran\n");
    CHECK(place.count("ready") == 1);
    CHECK(place.count("claimed,delayed,failed") == 0);
  }
}

TEST_CASE("a worker that waits ends with 0 on TERM", "[cli][work][signals]") {
  const Workplace place;
  place.put();
  Running worker{place.script({}, "echo ran")};
  CHECK(worker.read_line() == "ran\n");
  worker.signal(SIGTERM);
  CHECK(worker.wait().exit == 0);
}

TEST_CASE("a second TERM or INT kills the jobs and gives their messages back uncounted",
          "[cli][work][signals]") {
  for (const int signal : {SIGTERM, SIGINT}) {
    CAPTURE(signal);
    const Workplace place;
    fs::create_directory(place / "pids");
    place.put_many(3);
    Running worker{
        place.logged({"-j2"}, "trap '' TERM INT; echo $$ > pids/$$; while :; do sleep 1; done")};
    REQUIRE(eventually([&] { return numbers_in(place / "pids").size() == 2; }));
    worker.signal(signal);
    CHECK(says(place, "finishing what runs"));
    worker.signal(signal);
    CHECK(worker.wait().exit == 128 + signal);
    for (const long process : numbers_in(place / "pids")) CHECK_FALSE(is_alive(process));
    CHECK(place.count("ready") == 3);
    CHECK_FALSE(has(run_well({"ls", place.queue(), "--json"}), R"("attempts":1)"));
    CHECK(has(read_file(place / "err"), " returned "));
  }
}

TEST_CASE("a signal that comes twice at once is one", "[cli][work][signals]") {
  // timeout(1) sends it to the process, and to its group.
  const Workplace place;
  place.put();
  Running worker{place.script({}, "touch running; sleep 0.3; echo ran")};
  REQUIRE(eventually([&] { return fs::exists(place / "running"); }));
  worker.signal(SIGTERM);
  worker.signal(SIGTERM);
  const Outcome outcome = worker.wait();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "ran\n");
}

TEST_CASE("a hangup after a stop does not kill the jobs", "[cli][work][signals]") {
  const Workplace place;
  place.put();
  Running worker{
      place.logged({}, "touch running; while [ ! -e go ]; do sleep 0.01; done; echo ran")};
  REQUIRE(eventually([&] { return fs::exists(place / "running"); }));
  worker.signal(SIGTERM);
  CHECK(says(place, "finishing what runs"));
  worker.signal(SIGHUP);
  write_file(place / "go", "");
  const Outcome outcome = worker.wait();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "ran\n");
}

TEST_CASE("INT and HUP that were ignored at the start stay ignored", "[cli][work][signals]") {
  const Workplace place;
  Invocation invocation = place.script({}, "echo ran");
  Words words = {"-c", R"(trap '' INT HUP; exec "$0" "$@")", program_path()};
  words.insert(words.end(), invocation.arguments.begin(), invocation.arguments.end());
  invocation.arguments = words;
  invocation.program = "/bin/sh";
  Running worker{invocation};
  place.put();
  CHECK(worker.read_line() == "ran\n");
  worker.signal(SIGINT);
  worker.signal(SIGHUP);
  place.put();
  CHECK(worker.read_line() == "ran\n");
  worker.signal(SIGTERM);
  CHECK(worker.wait().exit == 0);
}

TEST_CASE("after TSTP nothing new is taken until CONT", "[cli][work][signals]") {
  const Workplace place;
  Running worker{place.logged({}, "test -e resumed && echo after || echo before")};
  place.put();
  CHECK(worker.read_line() == "before\n");
  worker.signal(SIGTSTP);
  CHECK(says(place, "taking nothing new"));
  place.put();
  // Time in which it would have been taken.
  const Workplace other;
  other.put_many(5);
  other.drain("true");
  CHECK(place.count("ready") == 1);
  write_file(place / "resumed", "");
  worker.signal(SIGCONT);
  CHECK(worker.read_line() == "after\n");
  CHECK(says(place, "taking messages again"));
  // Also in this state it can be stopped.
  worker.signal(SIGTSTP);
  worker.signal(SIGTERM);
  CHECK(worker.wait().exit == 0);
}

/// From when on the delay counts: the start of the worker's process, or of its first job.
enum class Since { start, first_job };

/// Stops a worker so long after that, looks that it kept its promises, and has another one do the
/// rest. Returns its exit code.
int stop_after(Since since, std::chrono::milliseconds delay, const std::vector<int>& signals) {
  constexpr std::size_t kMessages = 4;
  const Workplace place{{"keep_done=on"}};
  place.put_many(kMessages);
  const std::string job = "echo $SPOOLQ_ID >> ran; sleep 0.01";
  Running worker{place.script({"-j2", "--quiet"}, job)};
  if (since == Since::first_job) REQUIRE(eventually([&] { return fs::exists(place / "ran"); }));
  std::this_thread::sleep_for(delay);
  for (std::size_t i = 0; i < signals.size(); ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds{40});
    worker.signal(signals[i]);
  }
  const Outcome outcome = worker.wait();
  CAPTURE(delay.count(), signals, outcome.exit, outcome.err);
  const bool killed = signals.back() == SIGKILL;
  const bool politely = signals.size() == 1 && !killed;
  if (outcome.exit == 128 + signals.front() && politely) {
    CHECK_FALSE(fs::exists(place / "ran"));  // Before it was ready to receive signals.
  } else if (politely) {
    CHECK(outcome.exit == 0);
  }
  if (!killed) CHECK(place.count("claimed,delayed,failed") == 0);
  place.drain(job);
  CHECK(place.count("done") == kMessages);
  CHECK(place.count("ready,claimed,delayed,failed") == 0);
  const std::vector<std::string> ran = lines_of(read_file(place / "ran"));
  CHECK(std::set<std::string>{ran.begin(), ran.end()}.size() == kMessages);
  if (politely) CHECK(ran.size() == kMessages);
  const std::string done = run_well({"ls", place.queue(), "--state=done", "--json"});
  // What was killed by a second signal was given back uncounted.
  if (!killed) CHECK_FALSE(has(done, R"("attempts":2)"));
  return outcome.exit;
}

TEST_CASE("whenever a worker is stopped or killed, every message is accounted for",
          "[cli][work][signals]") {
  const std::vector<std::vector<int>> ways{{SIGTERM}, {SIGKILL}, {SIGINT, SIGINT}};
  for (int step = 0; step < 5; ++step) {
    const std::chrono::milliseconds delay{step * 6};
    for (const std::vector<int>& signals : ways) stop_after(Since::start, delay, signals);
  }
  // However slow its start is: by then it is ready for signals.
  for (int step = 0; step < 2; ++step) {
    const std::chrono::milliseconds delay{step * 5};
    CHECK(stop_after(Since::first_job, delay, {SIGTERM}) == 0);
    stop_after(Since::first_job, delay, {SIGKILL});
    stop_after(Since::first_job, delay, {SIGINT, SIGINT});
  }
}

}  // namespace
}  // namespace spoolq::test
