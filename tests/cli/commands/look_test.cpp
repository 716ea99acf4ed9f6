// ls, show, cat, peek, stats: looking changes nothing.
#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

std::string new_queue(const Scratch& scratch, const std::string& name = "q") {
  run_well({"init", scratch / name});
  return scratch / name;
}

TEST_CASE("ls shows messages in order of delivery with the ends of their ids", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string second = run_well({"put", q, "--name", "b"}, "12");
  const std::string first = run_well({"put", q, "--name", "a", "--priority=1"}, "1");
  const auto lines = lines_of(run_well({"ls", q}));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("ID "));
  CHECK(lines[1].starts_with(first.substr(28)));
  CHECK(lines[1].ends_with(" a"));
  CHECK(lines[2].starts_with(second.substr(28)));
  CHECK(run_well({"ls", q, "-q"}) == first + "\n" + second);
}

TEST_CASE("ls of an empty queue prints nothing and is no error", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string option : {"-l", "-q", "-0", "--json"}) {
    const Outcome outcome = run({"ls", q, option});
    CHECK(outcome.exit == 0);
    CHECK(outcome.out.empty());
  }
}

TEST_CASE("ls selects states and counts", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"config", q, "keep_done=on"});
  run_well({"put", q}, "to be done");
  run_well({"take", q});
  run_well({"put", q}, "to fail");
  run_well({"fail", q, run_well({"take", q, "--hold"}).substr(37)});
  run_well({"put", q}, "to be held");
  run_well({"take", q, "--hold"});
  run_well({"put", q, "--delay=1h"}, "later");
  run_well({"put", q, "--each-line"}, "a\nb\nc\n");
  const auto count = [&](std::vector<std::string> options) {
    options.insert(options.begin(), {"ls", q, "-q"});
    return lines_of(run_well(options)).size();
  };
  CHECK(count({}) == 6);
  CHECK(count({"-n", "0"}) == 6);
  CHECK(count({"-n4"}) == 4);
  CHECK(count({"--state", "ready"}) == 3);
  CHECK(count({"--state=ready,done"}) == 4);
  CHECK(count({"--state", "failed", "--state", "claimed"}) == 2);
  CHECK(count({"--state", "done"}) == 1);
  CHECK(count({"--state", "delayed"}) == 1);
}

TEST_CASE("ls -0 prints whole paths, and with -q ids, that a shell can split", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch, "with\nnewline");
  const std::string id = run_well({"put", q}, "x");
  const Outcome paths = run({"ls", q, "-0"});
  REQUIRE(paths.out.ends_with('\0'));
  CHECK(read_file(paths.out.substr(0, paths.out.size() - 1)) == "x");
  CHECK(run({"ls", q, "-q", "-0"}).out == id + '\0');
}

TEST_CASE("a message document has every field, null when it is not known", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  const std::string json = run_well({"ls", q, "--json"});
  for (const std::string field :
       {"schema", "id", "state", "priority", "attempts", "size", "enqueued_at", "age_seconds",
        "due_at", "expires_at", "key", "type", "name", "headers", "consumer", "lease_until",
        "reason", "path"}) {
    CAPTURE(field);
    CHECK(has(json, "\"" + field + "\":"));
  }
  CHECK(has(json, R"("due_at":null)"));
  CHECK(has(json, R"("headers":{})"));
  CHECK_FALSE(has(json, "name_b64"));
  const std::string shown = run_well({"show", q, "@newest", "--json"});
  const auto without_age = [](const std::string& text) {
    return text.substr(0, text.find("\"age_seconds\"")) + text.substr(text.find("\"due_at\""));
  };
  CHECK(without_age(shown) == without_age(json));
}

TEST_CASE("an id is found by four of its first or last characters", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q}, "x");
  for (const std::string& text : {id, id.substr(0, 4), id.substr(32), id.substr(28)}) {
    CHECK(run_well({"cat", q, text}) == "x");
  }
  run_well({"put", q}, "y");
  CHECK(run_well({"cat", q, "@oldest"}) == "x");
  CHECK(run_well({"cat", q, "@newest"}) == "y");
  const Outcome ambiguous = run({"cat", q, id.substr(0, 4)});
  CHECK(ambiguous.exit == 66);
  CHECK(has(ambiguous.err, id));
  CHECK(run({"show", q, "zzzzzzzz"}).exit == 66);
  CHECK(run({"show", q, "abc"}).exit == 65);
}

TEST_CASE("cat and peek copy payloads and leave the messages", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  CHECK(run({"peek", q}).exit == 1);
  const std::string payload = std::string("\0\n\xff", 3) + std::string(200'000, 'x');
  const std::string id = run_well({"put", q}, payload);
  run_well({"put", q}, "second");
  CHECK(run({"cat", q, id}).out == payload);
  CHECK(run({"peek", q}).out == payload);
  CHECK(run({"peek", q, "-n", "9"}).out == payload + "second");
  CHECK(run({"peek", q, "-n0"}).out == payload + "second");
  CHECK(lines_of(run_well({"ls", q, "--state=ready", "-q"})).size() == 2);
  CHECK(has(run_well({"show", q, id, "--json"}), R"("attempts":0)"));
}

TEST_CASE("cat reads a message in any state", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q, "--delay=1h"}, "x");
  CHECK(run_well({"cat", q, id}) == "x");
  run_well({"put", q}, "y");
  const std::string held = run_well({"take", q, "--hold"});
  CHECK(run_well({"cat", q, held.substr(0, 36)}) == "y");
  run_well({"fail", q, held.substr(37)});
  CHECK(run_well({"cat", q, held.substr(0, 36)}) == "y");
}

TEST_CASE("a message from a clock that was ahead has no negative age", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  write_file(q + "/new/5.0fffffff-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1", "x");
  CHECK(run_well({"ls", q}).find(" -") == std::string::npos);
  CHECK(run_well({"show", q, "@oldest"}).find("age: 0.0s") != std::string::npos);
  CHECK(run_well({"ls", q, "--json"}).find("\"age_seconds\":0") != std::string::npos);
  CHECK(run_well({"ls", q, "-q", "--older", "0s"}).empty());
}

TEST_CASE("stats counts each state and tells the age of the oldest ready message", "[cli][look]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  CHECK(has(run_well({"stats", q, "--json"}), R"("oldest_ready_seconds":null)"));
  run_well({"put", q, "--each-line"}, "abc\nde\n");
  run_well({"put", q, "--delay", "1h"}, "f");
  const std::string json = run_well({"stats", q, "--json"});
  for (const std::string part : {R"("schema":"spoolq.stats/1")", R"("ready":2)", R"("claimed":0)",
                                 R"("delayed":1)", R"("failed":0)", R"("done":0)", R"("bad":0)",
                                 R"("bytes":6)", R"("consumers":0)", R"("paused":false)"}) {
    CAPTURE(part);
    CHECK(has(json, part));
  }
  CHECK_FALSE(has(json, R"("oldest_ready_seconds":null)"));
}

TEST_CASE("stats of several queues goes on past a missing one", "[cli][look]") {
  const Scratch scratch;
  const std::string a = new_queue(scratch, "a");
  const std::string b = new_queue(scratch, "b");
  const Outcome table = run({"stats", a, scratch / "missing", b});
  CHECK(table.exit == 66);
  CHECK(lines_of(table.out).size() == 3);
  CHECK(has(table.err, "missing"));
  const Outcome json = run({"stats", a, b, "--json"});
  CHECK(json.exit == 0);
  CHECK(lines_of(json.out).size() == 2);
}

TEST_CASE("cat and peek tell when a payload does not match its name: 65", "[cli][look]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  const std::string id = run_well({"put", q}, "payload");
  write_file(q + "/new/" + names_in(q + "/new").at(0), "PAYLOAD");
  for (const auto& arguments : {std::vector<std::string>{"cat", q, id}, {"peek", q}}) {
    const Outcome outcome = run(arguments);
    CHECK(outcome.exit == 65);
    CHECK(outcome.out == "PAYLOAD");
    CHECK(has(outcome.err, "checksum"));
  }
  CHECK(names_in(q + "/new").size() == 1);
}

TEST_CASE("an id may be in upper case and have blanks around it", "[cli][look]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  write_file(q + "/new/5.01935a7b-8c3d-7e21-9f4a-1b2c97d0a11c", "payload");
  CHECK(run_well({"cat", q, " 97D0A11C\n"}) == "payload");
}

TEST_CASE("an empty selector is refused", "[cli][look]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  for (const std::string option : {"--key=", "--type=", "--name="}) {
    CAPTURE(option);
    CHECK(run({"ls", scratch / "q", option}).exit == 65);
    CHECK(run({"purge", scratch / "q", "--all", "--force", option}).exit == 65);
  }
}

}  // namespace
}  // namespace spoolq::test
