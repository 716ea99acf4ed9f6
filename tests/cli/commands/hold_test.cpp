// Held claims: take --hold, then ack, release, extend, fail.
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

struct Held {
  std::string id;
  std::string path;
};

Held hold(const std::string& q, const std::vector<std::string>& options = {}) {
  std::vector<std::string> arguments = {"take", q, "--hold"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  const std::string line = run_well(arguments);
  const std::size_t tab = line.find('\t');
  REQUIRE(tab == 36);
  return {line.substr(0, tab), line.substr(tab + 1)};
}

std::string new_queue(const Scratch& scratch) {
  run_well({"init", scratch / "q"});
  return scratch / "q";
}

std::string state_of(const std::string& q, const std::string& id) {
  const std::string json = run_well({"show", q, id, "--json"});
  const std::size_t start = json.find(R"("state":")") + 9;
  return json.substr(start, json.find('"', start) - start);
}

TEST_CASE("a held claim outlives the program that made it", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const Held held = hold(q);
  CHECK(read_file(held.path) == "x");
  CHECK(state_of(q, held.id) == "claimed");
  CHECK(run({"take", q}).exit == 1);
  run_well({"reap", q});
  CHECK(state_of(q, held.id) == "claimed");
  run_well({"ack", q, held.path});
  CHECK(run_well({"ls", q}).empty());
}

TEST_CASE("several messages can be held at once and finished at once", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--each-line"}, "a\nb\nc\n");
  const auto lines = lines_of(run_well({"take", q, "--hold", "-n", "5"}));
  REQUIRE(lines.size() == 3);
  std::vector<std::string> arguments = {"done", q};
  for (const std::string& line : lines) arguments.push_back(line.substr(37));
  run_well(arguments);
  CHECK(run_well({"ls", q}).empty());
}

TEST_CASE("an ack of a finished claim says that it is lost", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const Held held = hold(q);
  run_well({"ack", q, held.path});
  const Outcome outcome = run({"ack", q, held.path});
  CHECK(outcome.exit == 72);
  CHECK(has(outcome.err, "claim lost"));
}

TEST_CASE("a path names one claim, not a later one of the same message", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const Held first = hold(q);
  run_well({"release", q, first.path});
  const Held second = hold(q);
  REQUIRE(first.id == second.id);
  for (const std::string verb : {"ack", "release", "extend", "fail"}) {
    CAPTURE(verb);
    CHECK(run({verb, q, first.path}).exit == 72);
  }
  CHECK(state_of(q, second.id) == "claimed");
  run_well({"ack", q, second.path});
}

TEST_CASE("an id names whatever held claim there is", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const Held held = hold(q);
  run_well({"ack", q, held.id});
  CHECK(run_well({"ls", q}).empty());
  CHECK(run({"ack", q, held.id}).exit == 66);
}

TEST_CASE("an id of a message that nobody holds says in which state it is", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string failed = run_well({"put", q}, "x");
  run_well({"fail", q, hold(q).path});
  const std::string ready = run_well({"put", q}, "x");
  for (const std::string verb : {"ack", "release", "extend", "fail"}) {
    CAPTURE(verb);
    const Outcome outcome = run({verb, q, ready, failed});
    CHECK(outcome.exit == 66);
    CHECK(has(outcome.err, ready + ": not claimed, but ready"));
    CHECK(has(outcome.err, failed + ": not claimed, but failed: `spoolq retry`"));
  }
}

TEST_CASE("a released message keeps its count and may be delayed", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  Held held = hold(q);
  run_well({"release", q, held.path});
  CHECK(state_of(q, held.id) == "ready");
  CHECK(has(run_well({"show", q, held.id, "--json"}), R"("attempts":1)"));
  held = hold(q);
  run_well({"nack", q, held.path, "--delay=1h"});
  CHECK(state_of(q, held.id) == "delayed");
}

TEST_CASE("a release at the maximum of attempts fails the message", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"config", q, "max_attempts=2"});
  run_well({"put", q}, "x");
  run_well({"release", q, hold(q).path});
  const Held held = hold(q);
  run_well({"release", q, held.path});
  CHECK(state_of(q, held.id) == "failed");
}

TEST_CASE("a failed message tells its reason", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const Held held = hold(q);
  run_well({"bury", q, held.path, "--reason", "no such user\n"});
  CHECK(state_of(q, held.id) == "failed");
  CHECK(has(run_well({"show", q, held.id}), R"(reason: no such user\x0a)"));
  CHECK(has(run_well({"ls", q, "-l"}), "no such user"));
  CHECK(has(run_well({"show", q, held.id, "--json"}),
            R"("reason":{"text":"no such user\n","exit_code":null,"signal":null,"stderr":null,)"));
  CHECK(has(run_well({"show", q, held.id, "--json"}), R"("consumer":"detached.)"));
}

TEST_CASE("extend prolongs a claim, whose path stays its receipt", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const Held held = hold(q, {"--lease", "1h"});
  const std::string before = run_well({"show", q, held.id, "--json"});
  run_well({"touch", q, held.path, "--lease", "3h"});
  const auto lease_of = [](const std::string& json) {
    return json.substr(json.find(R"("lease_until":")") + 15, 24);
  };
  CHECK(lease_of(run_well({"show", q, held.id, "--json"})) > lease_of(before));
  run_well({"extend", q, held.path});
  CHECK(lease_of(run_well({"show", q, held.id, "--json"})) < lease_of(before));
  run_well({"ack", q, held.path});
}

TEST_CASE("a held claim ends with its lease", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const Held held = hold(q, {"--lease=1ms"});
  CHECK(eventually([&] { return run({"take", q}).out == "x"; }));
  CHECK(run({"ack", q, held.path}).exit == 72);
}

TEST_CASE("the claim of a living consumer is refused", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q}, std::string(1 << 20, 'x'));
  Running take{Invocation{.arguments = {"take", q}}};
  REQUIRE(eventually([&] { return names_in(q + "/cur").size() == 1; }));
  const Outcome by_id = run({"ack", q, id});
  CHECK(by_id.exit == 72);
  CHECK(run({"ack", q, q + "/cur/" + names_in(q + "/cur").at(0)}).exit == 72);
  CHECK(take.wait().out.size() == 1 << 20);
}

TEST_CASE("a claim that cannot be printed is not kept", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  CHECK(run(Invocation{.arguments = {"take", q, "--hold"}, .reader_gone = true}).exit == 141);
  CHECK(run_well({"ls", q, "--state", "ready", "-q"}).size() == 36);
}

TEST_CASE("one claim that is lost does not keep the others from being finished", "[cli][hold]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--each-line"}, "a\nb\n");
  const Held first = hold(q);
  const Held second = hold(q);
  run_well({"ack", q, first.path});
  CHECK(run({"ack", q, first.path, second.path, "no-such-id"}).exit == 72);
  CHECK(run_well({"ls", q}).empty());
  CHECK(run({"ack", q, "no-such-id", first.path}).exit == 66);
}

}  // namespace
}  // namespace spoolq::test
