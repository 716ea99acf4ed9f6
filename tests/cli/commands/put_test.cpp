// put, as its users meet it.
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
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

TEST_CASE("put prints the id of the message that stands in new/", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q}, "hello");
  REQUIRE(id.size() == 36);
  const auto names = names_in(q + "/new");
  REQUIRE(names.size() == 1);
  CHECK(has(names[0], "5." + id + ",S=5,"));
  CHECK(read_file(q + "/new/" + names[0]) == "hello");
}

TEST_CASE("a put below min_free is refused for now, and nothing is written", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"config", q, "min_free=8000000000G"});
  const auto refused = run({"put", q}, "hello");
  CHECK(refused.exit == 75);
  CHECK(refused.out.empty());
  CHECK(has(refused.err, "min_free"));
  CHECK(names_in(q + "/new").empty());
  CHECK(names_in(q + "/tmp").empty());
}

TEST_CASE("a file becomes a message of its name, unless another is given", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  write_file(scratch / "cat.jpg", std::string("\0\xff\n", 3));
  run_well({"put", q, scratch / "cat.jpg"});
  run_well({"put", q, scratch / "cat.jpg", "--name", "dog.jpg"});
  run_well({"put", q, scratch / "cat.jpg", "--name="});
  const auto lines = lines_of(run_well({"ls", q, "--json"}));
  REQUIRE(lines.size() == 3);
  CHECK(has(lines[0], R"("name":"cat.jpg")"));
  CHECK(has(lines[1], R"("name":"dog.jpg")"));
  CHECK(has(lines[2], R"("name":null)"));
  CHECK(run({"take", q}).out == std::string("\0\xff\n", 3));
}

TEST_CASE("what is said at put is shown later", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--priority", "2", "--ttl", "1h", "--key", "user/7", "--type", "image/jpeg",
            "--header", "traceparent=00-a=b", "--header", "x=[a,b]"},
           "x");
  const std::string json = run_well({"ls", q, "--json"});
  for (const std::string part :
       {R"("schema":"spoolq.message/1")", R"("priority":2)", R"("key":"user/7")",
        R"("type":"image/jpeg")", R"("traceparent":"00-a=b")", R"("x":"[a,b]")"}) {
    CHECK(has(json, part));
  }
  CHECK_FALSE(has(json, R"("expires_at":null)"));
}

TEST_CASE("a lower priority number is taken first", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "normal");
  run_well({"put", q, "--priority=9"}, "late");
  run_well({"put", q, "--priority=0"}, "urgent");
  CHECK(run_well({"take", q, "-n", "3", "--lines"}) == "urgent\nnormal\nlate");
}

TEST_CASE("a delayed message is not delivered before its time", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--delay", "1h"}, "a");
  run_well({"put", q, "--at", "+2h"}, "b");
  run_well({"put", q, "--at", "2099-12-31T23:00:00.5-01:00"}, "c");
  CHECK(run({"take", q}).exit == 1);
  CHECK(lines_of(run_well({"ls", q, "--state=delayed", "-q"})).size() == 3);
  CHECK(has(run_well({"show", q, "@newest", "--json"}), R"("due_at":"2100-01-01T00:00:00.500Z")"));
  run_well({"put", q, "--delay", "200ms"}, "soon");
  CHECK(run_well({"take", q, "--wait=20s"}) == "soon");
}

TEST_CASE("a bad file among several is reported and the others are put", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  write_file(scratch / "a", "a");
  write_file(scratch / "b", "b");
  std::filesystem::create_directory(scratch / "folder");
  const Outcome outcome =
      run({"put", q, scratch / "a", scratch / "missing", scratch / "folder", scratch / "b"});
  CHECK(outcome.exit == 66);
  CHECK(lines_of(outcome.out).size() == 2);
  CHECK(has(outcome.err, "missing: No such file"));
  CHECK(has(outcome.err, "folder: Is a directory"));
  CHECK(run_well({"take", q, "-n", "0"}) == "ab");
}

TEST_CASE("a payload larger than max_size is refused with 65, the others are put", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"config", q, "max_size=1K"});
  write_file(scratch / "large", std::string(1025, 'x'));
  write_file(scratch / "small", std::string(1024, 'x'));
  const Outcome outcome = run({"put", q, scratch / "large", scratch / "small"});
  CHECK(outcome.exit == 65);
  CHECK(has(outcome.err, "large: "));
  CHECK(lines_of(outcome.out).size() == 1);
  CHECK(names_in(q + "/tmp").empty());
  // Of several errors the first is the exit code.
  CHECK(run({"put", q, scratch / "large", scratch / "missing"}).exit == 65);
  CHECK(run({"put", q, scratch / "missing", scratch / "large"}).exit == 66);
}

TEST_CASE("each line is a message; an empty one too, the last needs no newline", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string sync : {"durable", "fs", "none"}) {
    CAPTURE(sync);
    const Outcome outcome = run({"put", q, "--each-line", "--sync=" + sync}, "one\n\ntwo");
    CHECK(outcome.exit == 0);
    CHECK(lines_of(outcome.out).size() == 3);
    CHECK(run({"take", q, "-n", "0", "-0"}).out == std::string("one\0\0two\0", 9));
    CHECK(run_well({"put", q, "--each-line"}, "").empty());
    CHECK(lines_of(run_well({"put", q, "--each-line"}, "x\n")).size() == 1);
    run_well({"take", q});
  }
}

TEST_CASE("each part that ends in NUL is a message and may hold newlines", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--each-nul"}, std::string("a\nb\0\0c\0", 7));
  CHECK(run({"take", q, "-n", "0", "-0"}).out == std::string("a\nb\0\0c\0", 7));
}

TEST_CASE("many lines are put in order with one sync for many", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::string text;
  for (int i = 0; i < 300; ++i) text += std::to_string(i) + "\n";
  const Outcome outcome = run({"put", q, "--each-line", "--sync=fs"}, text);
  REQUIRE(outcome.exit == 0);
  CHECK(outcome.out == run({"ls", q, "-q"}).out);
  CHECK(run({"take", q, "-n", "300", "--lines", "--ack=none"}).out == text);
}

TEST_CASE("a line is put before the next one comes", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string sync : {"durable", "fs"}) {
    CAPTURE(sync);
    Running put{Invocation{.arguments = {"put", q, "--each-line", "--sync", sync}}};
    put.write("first\n");
    const std::string id = put.read_line();
    CHECK(id.size() == 37);
    CHECK(run_well({"cat", q, id.substr(0, 36)}) == "first");
    CHECK(put.wait("second").exit == 0);
  }
}

TEST_CASE("a line longer than any buffer is one message", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string line(300'000, 'x');
  run_well({"put", q, "--each-line"}, line + "\nshort\n");
  CHECK(run_well({"take", q}) == line);
  CHECK(run_well({"take", q}) == "short");
}

TEST_CASE("a name of any bytes is escaped in text, valid in JSON, and itself with -0",
          "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string name = "a\nb\x1b[31m\xff";
  write_file(scratch / name, "x");
  run_well({"put", q, scratch / name});
  CHECK(has(run_well({"ls", q}), R"(a\x0ab\x1b[31m\xff)"));
  const std::string json = run_well({"ls", q, "--json"});
  CHECK(has(json, R"("name":"a\nb\u001b[31m)"));
  CHECK(has(json, R"("name_b64":"YQpiG1szMW3/")"));
  CHECK(lines_of(json).size() == 1);
  CHECK(lines_of(run_well({"show", q, "@oldest"})).size() == 9);
}

TEST_CASE("put into a closed standard output puts nothing", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const Outcome outcome =
      run(Invocation{.arguments = {"put", q}, .input = "x", .output_closed = true});
  CHECK(outcome.exit == 74);
  CHECK(names_in(q + "/new").empty());
}

TEST_CASE("a closed standard input is an error, not an empty message", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const Outcome outcome = run(Invocation{.arguments = {"put", q}, .input_closed = true});
  CHECK(outcome.exit == 74);
  CHECK(names_in(q + "/new").empty());
}

TEST_CASE("send is put", "[cli][put]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  CHECK(run_well({"send", q}, "x").size() == 36);
}

TEST_CASE("a line that is too large is reported and the others are put", "[cli][put]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q, "max_size=5"});
  const Outcome outcome = run({"put", q, "--each-line"}, "a\nfar too long\n\nb");
  CHECK(outcome.exit == 65);
  CHECK(lines_of(outcome.out).size() == 3);
  CHECK(has(outcome.err, "standard input, line 2: "));
  CHECK(has(outcome.err, "at most 5"));
  CHECK(run_well({"take", q, "-n", "0", "--lines"}) == "a\n\nb");
}

TEST_CASE("a FILE that is not there may have been meant as the message", "[cli][put]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  const Outcome outcome = run({"put", scratch / "q", "hello world"});
  CHECK(outcome.exit == 66);
  CHECK(has(outcome.err, "A message itself goes to standard input"));
}

TEST_CASE("a put that is interrupted leaves nothing in tmp/", "[cli][put]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  const int signal = GENERATE(SIGINT, SIGTERM);
  Running putting{{.arguments = {"put", q}}};
  putting.write("the first half");
  REQUIRE(eventually([&] { return names_in(q + "/tmp").size() == 1; }));
  putting.signal(signal);
  CHECK(putting.wait().exit == 128 + signal);
  CHECK(names_in(q + "/tmp").empty());
  CHECK(names_in(q + "/new").empty());
}

TEST_CASE("what could never be delivered is refused", "[cli][put]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  CHECK(run({"put", scratch / "q", "--ttl=0"}, "x").exit == 65);
  CHECK(run({"put", scratch / "q", "--ttl=1m", "--delay=1h"}, "x").exit == 65);
  CHECK(run({"put", scratch / "q", "--ttl=1m", "--at=+2m"}, "x").exit == 65);
  run_well({"put", scratch / "q", "--ttl=2h", "--delay=1h"}, "x");
}

TEST_CASE("an absolute path needs no working directory", "[cli][put]") {
  const Scratch scratch;
  std::filesystem::create_directory(scratch / "gone");
  const std::string script =
      "cd gone && rmdir ../gone && \"$0\" init \"$1\" && echo x | \"$0\" put "
      "\"$1\" && \"$0\" take \"$1\"";
  const Outcome outcome = run(Invocation{.arguments = {"-c", script, program_path(), scratch / "q"},
                                         .directory = scratch.path(),
                                         .program = "/bin/sh"});
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.out, "\nx\n"));
}

}  // namespace
}  // namespace spoolq::test
