// work: what a job is given, and what its end means for the message and the worker.
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

TEST_CASE("a job reads the payload, and its message is done when it ends with 0", "[cli][work]") {
  const Workplace place;
  place.put("one\n");
  place.put("");
  place.put("two\n");
  CHECK(place.drain("cat").out == "one\ntwo\n");
  CHECK(place.count("ready,claimed,delayed,failed,done") == 0);
}

TEST_CASE("a payload of any size reaches the job whole", "[cli][work]") {
  const Workplace place;
  const std::string payload(3'000'000, 'p');
  place.put(payload);
  CHECK(run(place.worker({"--drain"}, {"cat"})).out == payload);
}

TEST_CASE("a job need not read its payload", "[cli][work]") {
  const Workplace place;
  place.put(std::string(1'000'000, 'p'));
  place.drain("exec <&-; true");
  CHECK(place.count("ready,failed") == 0);
}

TEST_CASE("the exit code of a job decides what becomes of its message", "[cli][work]") {
  const std::map<int, std::string> states = {
      {1, "delayed"},   {2, "delayed"},   {64, "delayed"},  {65, "failed"},   {66, "delayed"},
      {75, "delayed"},  {98, "delayed"},  {100, "failed"},  {101, "delayed"}, {111, "delayed"},
      {124, "delayed"}, {125, "delayed"}, {128, "delayed"}, {143, "delayed"}, {255, "delayed"}};
  const Workplace place{{"backoff=1h"}};
  std::map<int, std::string> ids;
  for (const auto& [code, state] : states)
    ids[code] = place.put("", {"--name", std::to_string(code)});
  place.drain("exit $SPOOLQ_NAME");
  for (const auto& [code, state] : states) {
    CAPTURE(code);
    const nlohmann::json message = place.show(ids[code]);
    // A backoff is a random time, and may be over at once.
    const std::string seen = message.at("state");
    CHECK((seen == state || (state == "delayed" && seen == "ready")));
    CHECK(message.at("attempts") >= 1);
    CHECK(message.at("reason").at("exit_code") == code);
    CHECK(message.at("reason").at("text") == "exit code " + std::to_string(code));
    CHECK(message.at("reason").at("signal").is_null());
  }
}

TEST_CASE("a job that a signal killed is tried again, and the signal is told", "[cli][work]") {
  const Workplace place{{"max_attempts=2"}};
  const std::string id = place.put();
  place.drain("kill -9 $$");
  const nlohmann::json message = place.show(id);
  CHECK(message.at("state") == "failed");
  CHECK(message.at("attempts") == 2);
  CHECK(message.at("reason").at("signal") == 9);
  CHECK(message.at("reason").at("exit_code").is_null());
  CHECK(has(message.at("reason").at("text"), "killed by signal 9 (KILL)"));
}

TEST_CASE("after exit code 99 the message is done and the worker stops", "[cli][work]") {
  const Workplace place;
  place.put_many(3);
  const Outcome outcome = run(place.script({}, "exit 99"));
  CHECK(outcome.exit == 0);
  CHECK(place.count("ready") == 2);
  CHECK(place.count("claimed,delayed,failed") == 0);
}

TEST_CASE("a job's 126 or 127 stops the worker and is no attempt", "[cli][work]") {
  for (const int code : {126, 127}) {
    CAPTURE(code);
    const Workplace place;
    const std::string id = place.put();
    const Outcome outcome = run(place.script({}, "exit " + std::to_string(code)));
    CHECK(outcome.exit == code);
    CHECK(has(outcome.err, "exit code " + std::to_string(code)));
    CHECK(place.show(id).at("state") == "ready");
    CHECK(place.show(id).at("attempts") == 0);
  }
}

TEST_CASE("a command that cannot be started is told before anything is taken", "[cli][work]") {
  const Workplace place;
  const std::string id = place.put();
  write_file(place / "plain", "text");
  for (const auto& [command, code] : std::map<std::string, int>{{"no-such-command", 127},
                                                                {"./no-such-command", 127},
                                                                {"", 127},
                                                                {"./plain", 126},
                                                                {"/", 126},
                                                                {"plain/x", 127}}) {
    CAPTURE(command);
    const Outcome outcome = run(place.worker({}, {command}));
    CHECK(outcome.exit == code);
    CHECK(has(outcome.err, "cannot start " + (command.empty() ? "''" : command)));
    CHECK(place.show(id).at("state") == "ready");
    CHECK(place.show(id).at("attempts") == 0);
  }
}

TEST_CASE("a command that cannot be started is told though there is nothing to do", "[cli][work]") {
  const Workplace place;
  CHECK(run(place.worker({}, {"no-such-command"})).exit == 127);
}

TEST_CASE("a command that turns out not to start gives its message back", "[cli][work]") {
  const Workplace place;
  write_file(place / "script", "echo never; exit 0\n");
  REQUIRE(::chmod((place / "script").c_str(), 0755) == 0);
  const std::string id = place.put("", {"--name=script"});
  // No shell takes over what the kernel does not know.
  const Outcome script = run(place.worker({"--drain"}, {"./{name}"}));
  CHECK(script.exit == 126);
  CHECK(script.out.empty());
  CHECK(has(script.err, "#!/bin/sh"));
  const Outcome missing = run(place.worker({"--drain"}, {"./no-{name}"}));
  CHECK(missing.exit == 127);
  CHECK(has(missing.err, "no-script"));
  CHECK(place.show(id).at("state") == "ready");
  CHECK(place.show(id).at("attempts") == 0);
}

TEST_CASE("up to -j jobs run at a time, and no more", "[cli][work]") {
  const Workplace place;
  std::filesystem::create_directory(place / "running");
  place.put_many(6);
  // Each waits until there are three, or until all have begun.
  place.drain(
      "cd running; touch $SPOOLQ_ID; echo begun >> ../begun; n=0; "
      "while [ $(ls | wc -l) -lt 3 ] && [ $(wc -l < ../begun) -lt 6 ] && [ $n -lt 500 ]; do "
      "sleep 0.01; n=$((n+1)); done; [ $n -lt 500 ] && ls | wc -l >> ../seen; "
      "sleep 0.02; rm $SPOOLQ_ID",
      {"-j", "3"});
  const std::vector<std::string> seen = lines_of(read_file(place / "seen"));
  CHECK(seen.size() == 6);
  CHECK(std::ranges::count(seen, "3") > 0);
  CHECK(std::ranges::all_of(seen, [](const std::string& n) { return std::stoi(n) <= 3; }));
}

}  // namespace
}  // namespace spoolq::test
