// work: how much is done, how fast, and what becomes of what succeeds.
#include <algorithm>
#include <chrono>
#include <map>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

TEST_CASE("the command stands behind --, alone with its own options", "[cli][work][usage]") {
  const Workplace place;
  const std::string id = place.put();
  const std::string& q = place.queue();
  for (const Words& words : std::vector<Words>{{"work"},
                                               {"work", q},
                                               {"work", q, "--"},
                                               {"work", q, "true"},
                                               {"work", "--", "true"},
                                               {"work", "--", q, "true"},
                                               {"work", q, "true", "--", "true"}}) {
    CAPTURE(words);
    const Outcome outcome = run(words);
    CHECK(outcome.exit == 64);
    CHECK(has(outcome.err, "for example: spoolq work jobs -- "));
  }
  CHECK(has(run({"work", q}).err, "which command?"));
  CHECK(has(run({"work", "--", "true"}).err, "which queue?"));
  CHECK(place.show(id).at("attempts") == 0);
  // Behind it everything is the command's.
  CHECK(run(place.worker({"--once"}, {"echo", "--drain", "-j", "--", "--bogus"})).out ==
        "--drain -j -- --bogus\n");
}

TEST_CASE("a value that cannot be is refused and named with what can", "[cli][work][usage]") {
  const Workplace place;
  for (const auto& [option, expected] : std::vector<std::pair<std::string, std::string>>{
           {"-j=0", "-j '=0': not a number from 1 to 1024"},
           {"--timeout=0", "--timeout '0': it would be over at once"},
           {"--max-attempts=0", "--max-attempts '0': not a number from 1 to 9999"},
           {"--max-messages=0", "--max-messages '0': not a number from 1"},
           {"--backoff=1h..1s", "--backoff '1h..1s': not a range such as 1s..1h"},
           {"--rate=10", "--rate '10': not a rate such as 10/s"},
           {"--rate=0/s", "--rate '0/s': not a rate"},
           {"--rate=-1/s", "--rate '-1/s': not a rate"},
           {"--rate=nan/s", "--rate 'nan/s': not a rate"},
           {"--rate=5/d", "--rate '5/d': not a rate"},
           {"--drain=some", "--drain 'some': not one of ready, all"},
           {"--on-success=mv:", "--on-success 'mv:': not delete, keep or mv:QUEUE"},
           {"--log-format=xml", "--log-format 'xml': not one of text, json"},
           {"--ack=perhaps", "--ack 'perhaps': not one of durable, none"}}) {
    const Outcome outcome = run(place.worker({option}, {"true"}));
    CAPTURE(outcome.err);
    CHECK(outcome.exit == 65);
    CHECK(has(outcome.err, "spoolq: work: " + expected));
  }
}

TEST_CASE("what a worker needs is looked at before anything is taken", "[cli][work]") {
  const Workplace place;
  const std::string id = place.put();
  for (const auto& [option, code] :
       std::vector<std::pair<std::string, int>>{{"--on-success=mv:" + (place / "nowhere"), 66},
                                                {"--output-dir=" + (place / "nowhere"), 73},
                                                {"--joblog=" + (place / "nowhere/log"), 73}}) {
    CAPTURE(option);
    const Outcome outcome = run(place.worker({option}, {"true"}));
    CHECK(outcome.exit == code);
    CHECK(has(outcome.err, "nowhere"));
  }
  CHECK(place.show(id).at("state") == "ready");
  CHECK(place.show(id).at("attempts") == 0);
}

TEST_CASE("a Maildir is not worked on", "[cli][work]") {
  const Scratch scratch;
  for (const std::string folder : {"new", "cur", "tmp"}) fs::create_directories(scratch / folder);
  const Outcome outcome = run({"work", scratch.path(), "--", "true"});
  CHECK(outcome.exit == 66);
  CHECK(has(outcome.err, "spoolq init"));
}

TEST_CASE("work --drain ends when nothing is ready, =all when nothing is delayed", "[cli][work]") {
  const Workplace place;
  place.put("now\n");
  place.put("later\n", {"--delay=1s"});
  CHECK(place.drain("cat").out == "now\n");
  CHECK(place.count("delayed") == 1);
  CHECK(run(place.worker({"--drain=all"}, {"cat"})).out == "later\n");
  CHECK(place.drain("cat").out.empty());
}

TEST_CASE("work --drain waits for its own jobs, and for what they put", "[cli][work]") {
  const Workplace place;
  place.put("a", {"--name=3"});
  place.put("b", {"--name=1"});
  const Outcome outcome =
      place.drain("sleep 0.1; echo ran; [ $SPOOLQ_NAME = 1 ] || echo x | " + program_path() +
                      " put @ --name=$((SPOOLQ_NAME-1)) > /dev/null",
                  {"-j2"});
  CHECK(lines_of(outcome.out).size() == 4);
  CHECK(place.count("ready,claimed,failed") == 0);
}

TEST_CASE("work --once works on one message, and waits for it", "[cli][work]") {
  const Workplace place;
  Running worker{place.script({"--once"}, "cat")};
  place.put("one\n");
  place.put("two\n");
  CHECK(worker.read_line() == "one\n");
  CHECK(worker.wait().exit == 0);
  CHECK(place.count("ready") == 1);
  // Not where it is to end when there is nothing; also when the job fails.
  CHECK(run(place.script({"--once", "--drain"}, "exit 1")).exit == 0);
  CHECK(run(place.script({"--once", "--drain", "--max-attempts=1"}, "exit 1")).exit == 0);
  CHECK(run(place.script({"--once", "--drain"}, "cat")).exit == 0);
  CHECK(run(place.script({"--once", "--max-messages=2"}, "cat")).exit == 64);
}

TEST_CASE("work --max-messages begins so many and gives no other an attempt", "[cli][work]") {
  const Workplace place;
  place.put_many(10);
  const Outcome outcome = run(place.script({"--max-messages=3", "-j4"}, "echo ran"));
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "ran\nran\nran\n");
  CHECK(place.count("ready") == 7);
  CHECK_FALSE(has(run_well({"ls", place.queue(), "--json"}), R"("attempts":1)"));
}

TEST_CASE("work --max-time takes nothing more afterwards and finishes what runs", "[cli][work]") {
  const Workplace place;
  place.put_many(2);
  const Outcome outcome = run(place.script({"--max-time=400ms"}, "sleep 0.8; echo ran"));
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "ran\n");
  CHECK(place.count("ready") == 1);
}

TEST_CASE("work --rate starts jobs evenly spaced", "[cli][work]") {
  const Workplace place;
  place.put_many(6);
  const Outcome outcome = place.drain("date +%s%N", {"--rate=10/s", "-j6"});
  std::vector<long long> starts;
  for (const std::string& line : lines_of(outcome.out)) starts.push_back(std::stoll(line));
  REQUIRE(starts.size() == 6);
  std::sort(starts.begin(), starts.end());
  // Five spaces of 100 ms. What a busy machine delays may come closer to the next.
  CHECK(starts.back() - starts.front() > 400'000'000LL);
}

TEST_CASE("what succeeds is removed, kept or as the queue says", "[cli][work]") {
  for (const auto& [setting, options, kept] :
       std::vector<std::tuple<std::string, Words, std::size_t>>{
           {"off", {}, 0},
           {"on", {}, 1},
           {"on", {"--on-success=delete"}, 0},
           {"off", {"--on-success=keep"}, 1}}) {
    CAPTURE(setting, options);
    const Workplace place{{"keep_done=" + setting}};
    place.put();
    place.drain("true", options);
    CHECK(place.count("done") == kept);
    CHECK(place.count("ready,claimed,delayed,failed") == 0);
  }
}

TEST_CASE("work --on-success=mv hands a message over, and only then", "[cli][work]") {
  const Workplace place{{"max_attempts=2"}};
  const Workplace next;
  const std::string id = place.put("payload", {"--name=good"});
  place.put("payload", {"--name=bad"});
  place.drain("test $SPOOLQ_NAME = good", {"--on-success=mv:" + next.queue()});
  CHECK(place.count("ready,claimed,delayed,done") == 0);
  CHECK(place.count("failed") == 1);
  CHECK(next.count("ready") == 1);
  CHECK(next.show(id).at("attempts") == 0);
  CHECK(next.drain("cat").out == "payload");
}

TEST_CASE("a message that its next queue refuses is tried again", "[cli][work]") {
  const Workplace place{{"max_attempts=2"}};
  const Workplace next{{"max_size=1"}};
  const std::string id = place.put("larger");
  place.drain("echo ran >> runs", {"--on-success=mv:" + next.queue()});
  CHECK(read_file(place / "runs") == "ran\nran\n");
  const nlohmann::json message = place.show(id);
  CHECK(message.at("state") == "failed");
  CHECK(has(message.at("reason").at("text"), "could not be moved"));
  CHECK(has(message.at("reason").at("text"), "max_size"));
  CHECK(next.count("ready") == 0);
}

TEST_CASE("work --output-dir keeps what succeeded and leaves nothing of what failed",
          "[cli][work]") {
  const Workplace place{{"max_attempts=2"}};
  fs::create_directory(place / "out");
  const std::string good = place.put("payload\n", {"--name=good"});
  place.put("payload\n", {"--name=bad"});
  const Outcome outcome =
      place.drain("cat; ls -a out > seen.$SPOOLQ_NAME; test $SPOOLQ_NAME = good",
                  {"--output-dir=" + (place / "out")});
  CHECK(outcome.out.empty());
  CHECK(names_in(place / "out") == std::vector<std::string>{good});
  CHECK(read_file(place / ("out/" + good)) == "payload\n");
  // Hidden while it was written.
  CHECK(has(read_file(place / "seen.good"), ".spoolq-" + good + ".tmp\n"));
  CHECK(std::distance(fs::directory_iterator{place / "out"}, fs::directory_iterator{}) == 1);
}

TEST_CASE("an output that cannot be kept stops the worker and is no attempt", "[cli][work]") {
  const Workplace place;
  fs::create_directory(place / "out");
  const std::string id = place.put();
  const Outcome outcome =
      run(place.script({"--output-dir=" + (place / "out")}, "rm -r out; echo output"));
  CHECK(outcome.exit == 73);
  CHECK(has(outcome.err, "out/"));
  CHECK(place.show(id).at("state") == "ready");
  CHECK(place.show(id).at("attempts") == 0);
}

TEST_CASE("an output that somebody else has begun anew is not taken for ours", "[cli][work]") {
  // As a worker would that got the message when this one had lost its claim.
  const Workplace place;
  fs::create_directory(place / "out");
  const std::string id = place.put();
  const Outcome outcome =
      run(place.script({"--output-dir=" + (place / "out")},
                       "echo ours; cd out; rm .spoolq-*; echo theirs > .spoolq-$SPOOLQ_ID.tmp"));
  CHECK(outcome.exit == 73);
  CHECK(names_in(place / "out").empty());
  CHECK(read_file(place / ("out/.spoolq-" + id + ".tmp")) == "theirs\n");
  CHECK(place.show(id).at("attempts") == 0);
}

TEST_CASE("work --joblog adds a line for each job in the columns of GNU parallel", "[cli][work]") {
  const Workplace place{{"max_attempts=1"}};
  for (const std::string name : {"0", "3", "k", "t"}) place.put("12345", {"--name=" + name});
  const Words options = {"--joblog", place / "log", "--timeout=500ms", "--grace=0"};
  place.drain(
      R"(case $SPOOLQ_NAME in k) kill -9 $$;; t) exec sleep 9;; *) exit $SPOOLQ_NAME; esac)",
      options);
  place.put();
  place.drain("true", options);
  const std::vector<std::string> lines = lines_of(read_file(place / "log"));
  REQUIRE(lines.size() == 6);
  CHECK(lines[0] == "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand");
  std::vector<std::vector<std::string>> rows;
  for (const std::string& line : lines) {
    rows.emplace_back();
    std::istringstream stream{line};
    for (std::string cell; std::getline(stream, cell, '\t');) rows.back().push_back(cell);
    REQUIRE(rows.back().size() == 9);
  }
  const auto exits = [&](std::size_t row) { return rows[row][6] + "," + rows[row][7]; };
  CHECK(exits(1) == "0,0");
  CHECK(exits(2) == "3,0");
  CHECK(exits(3) == "0,9");
  CHECK(exits(4) == "124,0");
  CHECK(rows[1][0] == "1");
  CHECK(rows[4][0] == "4");
  CHECK(rows[1][4] == "5");
  CHECK(std::stod(rows[1][2]) > 1.7e9);
  CHECK(std::stod(rows[4][3]) >= 0.5);
  CHECK(rows[5][8] == "sh -c true");
}

TEST_CASE("work --ack=none works on messages all the same", "[cli][work]") {
  const Workplace place;
  place.put_many(3);
  place.drain("true", {"--ack=none"});
  CHECK(place.count("ready,claimed,delayed,failed") == 0);
}

TEST_CASE("a paused queue is waited for, unless the worker is to end", "[cli][work]") {
  const Workplace place;
  place.put("payload\n");
  run_well({"pause", place.queue()});
  for (const std::string option : {"--drain", "--drain=all", "--once"}) {
    CAPTURE(option);
    const Outcome outcome = run(place.worker({option}, {"cat"}));
    CHECK(outcome.exit == 69);
    CHECK(has(outcome.err, " is paused. To go on: spoolq resume "));
  }
  Running worker{place.worker({"--max-messages=1"}, {"cat"})};
  CHECK(run({"take", place.queue(), "--wait=300ms"}).exit == 1);
  run_well({"resume", place.queue()});
  CHECK(worker.read_line() == "payload\n");
  CHECK(worker.wait().exit == 0);
}

TEST_CASE("a queue that is paused meanwhile ends a worker that is to end", "[cli][work]") {
  const Workplace place;
  place.put_many(3);
  const Outcome drain = run(place.script({"--drain"}, program_path() + " pause @"));
  CHECK(drain.exit == 69);
  CHECK(place.count("ready") == 2);
  CHECK(place.count("claimed,failed,delayed") == 0);
  run_well({"resume", place.queue()});
  run_well({"purge", place.queue(), "--all", "--force"});

  Running once{place.script({"--once"}, "true")};
  run_well({"pause", place.queue()});
  CHECK(once.wait().exit == 69);
}

}  // namespace
}  // namespace spoolq::test
