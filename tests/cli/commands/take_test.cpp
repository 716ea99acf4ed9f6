// take, as its users meet it.
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

std::string new_queue(const Scratch& scratch, const std::string& name = "q") {
  run_well({"init", scratch / name});
  return scratch / name;
}

bool has_consumer(const std::string& q) {
  return has(run_well({"stats", q, "--json"}), R"("consumers":1)");
}

/// The path of the only message in new/.
std::string only_file(const std::string& q) {
  const auto names = names_in(q + "/new");
  REQUIRE(names.size() == 1);
  return q + "/new/" + names[0];
}

TEST_CASE("an empty queue is exit code 1 and no output", "[cli][take]") {
  const Scratch scratch;
  const Outcome outcome = run({"take", new_queue(scratch)});
  CHECK(outcome.exit == 1);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.empty());
}

TEST_CASE("a taken message is gone", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "payload\n");
  CHECK(run({"take", q}).out == "payload\n");
  CHECK(run({"take", q}).exit == 1);
  CHECK(run_well({"ls", q}).empty());
}

TEST_CASE("fewer than asked for is success", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--each-line"}, "a\nb\nc\n");
  const Outcome outcome = run({"take", q, "-n", "50"});
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "abc");
}

TEST_CASE("a payload is followed by a newline or a NUL when asked", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--each-line"}, "a\nb\nc\nd\n");
  CHECK(run({"take", q, "-n2", "--lines"}).out == "a\nb\n");
  CHECK(run({"take", q, "-n2", "-0"}).out == std::string("c\0d\0", 4));
}

TEST_CASE("take --wait ends empty with 1", "[cli][take]") {
  const Scratch scratch;
  const Outcome outcome = run({"take", new_queue(scratch), "--wait=50ms"});
  CHECK(outcome.exit == 1);
  CHECK(outcome.out.empty());
}

TEST_CASE("take --wait gives the message that comes", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  Running take{Invocation{.arguments = {"take", q, "--wait", "-n", "2", "--lines"}}};
  REQUIRE(eventually([&] { return has_consumer(q); }));
  run_well({"put", q}, "one");
  CHECK(take.read_line() == "one\n");
  run_well({"put", q}, "two");
  const Outcome outcome = take.wait();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "two\n");
}

TEST_CASE("a signal ends take --wait with 128 and its number", "[cli][take]") {
  for (const int number : {SIGINT, SIGTERM}) {
    const Scratch scratch;
    const std::string q = new_queue(scratch);
    run_well({"put", q}, "x");
    Running take{Invocation{.arguments = {"take", q, "--wait", "-n", "2", "--lines"}}};
    CHECK(take.read_line() == "x\n");  // Now it listens to signals.
    take.signal(number);
    CHECK(take.wait().exit == 128 + number);
    CHECK(run_well({"ls", q}).empty());
  }
}

TEST_CASE("a message whose reader does not read goes back at a signal", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "\n" + std::string(1 << 20, 'x'));
  Running take{Invocation{.arguments = {"take", q}}};
  REQUIRE(take.read_line() == "\n");
  take.signal(SIGTERM);
  // Before anybody reads on.
  CHECK(eventually([&] { return names_in(q + "/new").size() == 1; }));
  CHECK(take.wait().exit == 128 + SIGTERM);
}

TEST_CASE("a signal ends the wait for a pipe that is full", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  constexpr std::size_t kMessages = 200;
  std::string lines;
  for (std::size_t i = 0; i < kMessages; ++i) lines += std::string(1000, 'x') + "\n";
  run_well({"put", q, "--each-line", "--sync=none"}, lines);
  Running take{Invocation{.arguments = {"take", q, "-n", "0", "--lines", "--ack=none"}}};
  // Nobody reads: some fit into the pipe, and the next one finds no room for its first byte.
  std::size_t left = kMessages;
  REQUIRE(eventually([&] {
    const std::size_t before = std::exchange(left, names_in(q + "/new").size());
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    return left < kMessages && left == before && names_in(q + "/cur").size() == 1;
  }));
  take.signal(SIGTERM);
  CHECK(eventually([&] { return names_in(q + "/cur").empty(); }));
  const Outcome outcome = take.wait();
  CHECK(outcome.exit == 128 + SIGTERM);
  CHECK(lines_of(outcome.out).size() + left + 1 == kMessages);
}

TEST_CASE("a message that could not be written whole stays", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q}, std::string(1 << 20, 'x'));
  const Outcome gone = run(Invocation{.arguments = {"take", q}, .reader_gone = true});
  CHECK(gone.exit == 141);
  CHECK(run_well({"ls", q, "--state=ready", "-q"}) == id);
  CHECK(run_well({"take", q}).size() == 1 << 20);
}

TEST_CASE("kill -9 gives the message back to the next taker", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, std::string(1 << 20, 'x'));
  Running take{Invocation{.arguments = {"take", q}}};
  REQUIRE(eventually([&] { return names_in(q + "/cur").size() == 1; }));
  take.signal(SIGKILL);
  take.wait();
  CHECK(run_well({"take", q}).size() == 1 << 20);
}

TEST_CASE("take -o writes a file for each message and prints its path", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  const std::string id = run_well({"put", q}, "a");
  CHECK(run_well({"take", q, "-o", scratch / "out"}) == scratch / ("out/" + id));
  CHECK(read_file(scratch / ("out/" + id)) == "a");
  CHECK(names_in(q + "/cur").empty());
  run_well({"put", q, "--each-line"}, "b\nc\n");
  const Outcome outcome = run({"take", q, "-o", scratch / "out", "-n", "0", "-0"});
  CHECK(std::count(outcome.out.begin(), outcome.out.end(), '\0') == 2);
  CHECK(names_in(scratch / "out").size() == 3);
}

TEST_CASE("take -o overwrites nothing", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  write_file(scratch / "out/report", "mine");
  std::filesystem::create_symlink(scratch / "elsewhere", scratch / "out/link");
  for (const std::string name : {"report", "report", "link"}) {
    run_well({"put", q, "--name", name}, "new");
  }
  CHECK(run_well({"take", q, "-n3", "-o", scratch / "out", "--name-as={name}"}) ==
        scratch / "out/report.1" + "\n" + (scratch / "out/report.2") + "\n" +
            (scratch / "out/link.1"));
  CHECK(read_file(scratch / "out/report") == "mine");
  CHECK_FALSE(std::filesystem::exists(scratch / "elsewhere"));
}

TEST_CASE("a file left by a death before the ack stands for its message", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  const std::string id = run_well({"put", q}, "payload");
  write_file(scratch / ("out/" + id), "payload");
  write_file(scratch / ("out/.spoolq-" + id + ".tmp"), "payl");
  CHECK(run_well({"take", q, "-o", scratch / "out"}) == scratch / ("out/" + id));
  CHECK(names_in(scratch / "out").size() == 1);
  CHECK_FALSE(std::filesystem::exists(scratch / ("out/.spoolq-" + id + ".tmp")));
}

TEST_CASE("a draft of a living writer is left alone, and one of a dead writer is removed",
          "[cli][take]") {
  const bool is_alive = GENERATE(false, true);
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  const std::string id = run_well({"put", q}, "payload");
  const std::string draft = scratch / ("out/.spoolq-" + id + ".tmp");
  write_file(draft, "payl");
  const int fd = ::open(draft.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(fd >= 0);
  if (is_alive) CHECK(::flock(fd, LOCK_EX | LOCK_NB) == 0);
  CHECK(run_well({"take", q, "-o", scratch / "out"}) == scratch / ("out/" + id));
  ::close(fd);
  CHECK(read_file(scratch / ("out/" + id)) == "payload");
  CHECK(std::filesystem::exists(draft) == is_alive);
  CHECK(std::distance(std::filesystem::directory_iterator{scratch / "out"}, {}) ==
        (is_alive ? 2 : 1));
}

TEST_CASE("a file that a death left stands for its message under any name", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  run_well({"put", q, "--name=report"}, "payload");
  const std::string held = run_well({"take", q, "--hold"});
  run_well({"release", q, held.substr(37)});
  write_file(scratch / "out/report", "payload");
  CHECK(run_well({"take", q, "-o", scratch / "out", "--name-as={name}"}) == scratch / "out/report");
  CHECK(names_in(scratch / "out").size() == 1);
}

TEST_CASE("a file of the message's name and size with other content is another file",
          "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  const std::string id = run_well({"put", q}, "payload");
  write_file(scratch / ("out/" + id), "PAYLOAD");
  CHECK(run_well({"take", q, "-o", scratch / "out"}) == scratch / ("out/" + id + ".1"));
  CHECK(read_file(scratch / ("out/" + id)) == "PAYLOAD");
  CHECK(read_file(scratch / ("out/" + id + ".1")) == "payload");
}

TEST_CASE("a message's fields cannot leave the folder or hide the file", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  for (const std::string name : {"../../etc/passwd", "..", ".hidden", "", "a/b"}) {
    run_well({"put", q, "--name=" + name}, name);
  }
  const auto paths =
      lines_of(run_well({"take", q, "-n0", "-o", scratch / "out", "--name-as", "{name}"}));
  REQUIRE(paths.size() == 5);
  CHECK(paths[0] == scratch / "out/___.._etc_passwd");
  CHECK(paths[1] == scratch / "out/__");
  CHECK(paths[2] == scratch / "out/_hidden");
  CHECK(std::filesystem::path{paths[3]}.filename().string().size() == 36);
  CHECK(paths[4] == scratch / "out/a_b");
  CHECK(names_in(scratch / "out").size() == 5);
}

TEST_CASE("a folder that is not there takes nothing", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  CHECK(run({"take", q, "-o", scratch / "missing"}).exit == 73);
  CHECK(run({"take", q, "-o", only_file(q)}).exit == 73);
  CHECK(has(run_well({"ls", q, "--json"}), R"("attempts":0)"));
}

TEST_CASE("a name template with an unknown field or a folder is refused", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string text : {"{size}", "{", "a/{id}", ""}) {
    CAPTURE(text);
    CHECK(run({"take", q, "-o", scratch.path(), "--name-as", text}).exit == 65);
  }
  CHECK(run({"take", q, "--name-as", "{id}"}).exit == 64);
}

TEST_CASE("a damaged message is reported and the next one taken", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "abc");
  write_file(only_file(q), "abd");
  run_well({"put", q}, "good");
  const Outcome outcome = run({"take", q});
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "good");
  CHECK(has(outcome.err, "bad/"));
  CHECK(names_in(q + "/bad").size() == 1);
}

TEST_CASE("when all there is is damaged, the exit code is 65", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::create_directory(scratch / "out");
  run_well({"put", q}, "abc");
  write_file(only_file(q), "abd");
  const Outcome outcome = run({"take", q, "-o", scratch / "out"});
  CHECK(outcome.exit == 65);
  CHECK(outcome.out.empty());
  CHECK(std::filesystem::is_empty(scratch / "out"));
}

TEST_CASE("a payload larger than memory should hold goes through", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::string payload(20 << 20, 'x');
  payload.front() = 'a';
  payload.back() = 'z';
  run_well({"put", q}, payload);
  const bool is_same = run({"take", q}).out == payload;  // Too long to be printed.
  CHECK(is_same);
}

TEST_CASE("after part of a damaged payload nothing else is written", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::string payload(17 << 20, 'x');  // Too large to be verified before it is written.
  run_well({"put", q}, payload);
  payload.back() = 'y';
  write_file(only_file(q), payload);
  const std::string next = run_well({"put", q}, "next");
  const Outcome outcome = run({"take", q, "-n", "0"});
  CHECK(outcome.exit == 65);
  CHECK_FALSE(outcome.out.ends_with("next"));
  CHECK(run_well({"ls", q, "-q"}) == next);
}

TEST_CASE("a signal that the caller ignores does not end take --wait", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "one");
  Running take{
      Invocation{.arguments = {"-c", "trap '' INT; exec \"$0\" take \"$1\" --wait -n 2 --lines",
                               program_path(), q},
                 .program = "/bin/sh"}};
  CHECK(take.read_line() == "one\n");
  take.signal(SIGINT);
  run_well({"put", q}, "two");
  const Outcome outcome = take.wait();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "two\n");
}

TEST_CASE("options of take that do not go together are refused", "[cli][take]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::vector<std::string>& options :
       std::vector<std::vector<std::string>>{{"--hold", "-o", "x"},
                                             {"--lines", "-0"},
                                             {"--lease", "1m"},
                                             {"--hold", "--lines"},
                                             {"--hold", "--ack=none"}}) {
    CAPTURE(options);
    std::vector<std::string> arguments = {"take", q};
    arguments.insert(arguments.end(), options.begin(), options.end());
    CHECK(run(arguments).exit == 64);
  }
}

TEST_CASE("nothing is taken from a Maildir before init", "[cli][take]") {
  const Scratch scratch;
  for (const std::string folder : {"tmp", "new", "cur"}) {
    std::filesystem::create_directories(scratch / ("mail/" + folder));
  }
  run_well({"put", scratch / "mail"}, "x");
  const Outcome outcome = run({"take", scratch / "mail"});
  CHECK(outcome.exit == 66);
  CHECK(has(outcome.err, "spoolq init " + (scratch / "mail")));
  run_well({"init", scratch / "mail"});
  CHECK(run_well({"take", scratch / "mail"}) == "x");
}

TEST_CASE("claim is take", "[cli][take]") {
  const Scratch scratch;
  CHECK(run({"claim", new_queue(scratch)}).exit == 1);
}

TEST_CASE("a message that could not be handed on was not tried", "[cli][take]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q, "max_attempts=1"});
  run_well({"put", q}, "payload");
  CHECK(run(Invocation{.arguments = {"take", q}, .reader_gone = true}).exit == 128 + SIGPIPE);
  std::filesystem::create_directory(scratch / "out");
  write_file(scratch / "out/taken", "");
  CHECK(run({"take", q, "-o", scratch / "out/taken"}).exit == 73);
  CHECK(has(run_well({"show", q, "@oldest"}), "attempts: 0"));
  CHECK(run_well({"take", q}) == "payload");
}

TEST_CASE("take says what keeps it from what is there", "[cli][take]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q, "settle=1h"});
  const Outcome empty = run({"take", q});
  CHECK(empty.exit == 1);
  CHECK(empty.err.empty());
  write_file(q + "/new/report.txt", "written in place");
  const Outcome waits = run({"take", q});
  CHECK(waits.exit == 1);
  CHECK(has(waits.err, "1 in " + q + "/new cannot be taken now"));
}

TEST_CASE("a lease of nothing is refused", "[cli][take]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  run_well({"put", scratch / "q"}, "x");
  CHECK(run({"take", scratch / "q", "--hold", "--lease=0"}).exit == 65);
  const std::string held = run_well({"take", scratch / "q", "--hold"}).substr(37);
  CHECK(run({"extend", scratch / "q", held, "--lease=0s"}).exit == 65);
}

}  // namespace
}  // namespace spoolq::test
