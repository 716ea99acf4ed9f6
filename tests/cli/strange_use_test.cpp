// Strange but possible: closed descriptors, full disks, odd paths, arguments of any size, queues
// that belong to somebody else.
#include <fmt/core.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

std::string new_queue(const Scratch& scratch, const std::string& name = "q") {
  run_well({"init", scratch / name});
  return scratch / name;
}

Outcome run_shell(const Scratch& scratch, const std::string& command) {
  return run(Invocation{.arguments = {"-c", command},
                        .environment = {{"SPOOLQ", program_path()}},
                        .directory = scratch.path(),
                        .program = "/bin/sh"});
}

}  // namespace

TEST_CASE("a closed standard error changes nothing else", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const Outcome put = run(Invocation{.arguments = {"put", q}, .input = "x", .error_closed = true});
  CHECK(put.exit == 0);
  CHECK(put.out.size() == 37);
  CHECK(run(Invocation{.arguments = {"ls", q + "/no"}, .error_closed = true}).exit == 66);
  CHECK(run(Invocation{.arguments = {"nosuchverb"}, .error_closed = true}).exit == 64);
  CHECK(run(Invocation{.arguments = {"take", q}, .error_closed = true}).out == "x");
}

TEST_CASE("with all three descriptors closed nothing is lost", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q}, "x");
  for (const std::string verb : {"take", "ls", "put"}) {
    CAPTURE(verb);
    CHECK(run(Invocation{.arguments = {verb, q},
                         .input_closed = true,
                         .output_closed = true,
                         .error_closed = true})
              .exit == 74);
  }
  CHECK(run_well({"ls", q, "-q"}) == id);
  CHECK(run_well({"show", q, id}).find("attempts: 0") != std::string::npos);
}

TEST_CASE("what is put and whose id cannot be printed is 71, and told", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string sync = GENERATE(as<std::string>{}, "durable", "fs");
  // The file with the ids is as large as it may be.
  const Outcome outcome =
      run_shell(scratch, "head -c 1024 /dev/zero > ids; ulimit -f 1; echo x | \"$SPOOLQ\" put " +
                             q + " --sync=" + sync + " >> ids");
  CHECK(outcome.exit == 71);
  REQUIRE(names_in(q + "/new").size() == 1);
  const std::string id = names_in(q + "/new").front().substr(2, 36);
  CHECK(outcome.err.find(id + " is in the queue, but its id cannot be printed") !=
        std::string::npos);
}

TEST_CASE("help and version notice that they cannot be written", "[cli][strange]") {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {"help"}, {"help", "put"}, {"ls", "-h"}, {"version"}, {"version", "--json"}}) {
    CAPTURE(arguments);
    CHECK(run(Invocation{.arguments = arguments, .output_file = "/dev/full"}).exit == 74);
    CHECK(run(Invocation{.arguments = arguments, .output_closed = true}).exit == 74);
    const Outcome gone = run(Invocation{.arguments = arguments, .reader_gone = true});
    CHECK(gone.exit == 141);
    CHECK(gone.err.empty());
  }
}

TEST_CASE("pipes that do not block are waited for", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  Running put{Invocation{.arguments = {"put", q, "--each-line"}, .nonblocking = true}};
  put.write("first\n");
  CHECK(put.read_line().size() == 37);
  const std::string large(1 << 20, 'x');
  CHECK(put.wait(large).exit == 0);
  const Outcome outcome =
      run(Invocation{.arguments = {"take", q, "-n", "2", "--lines"}, .nonblocking = true});
  CHECK(outcome.exit == 0);
  CHECK((outcome.out == "first\n" + large + "\n"));
  CHECK(outcome.err.empty());
}

TEST_CASE("a file size limit takes nothing and loses nothing", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, "x");
  for (const std::string command : {"put q code", "take q >out", "take q -o ."}) {
    CAPTURE(command);
    write_file(scratch / "code", "y");
    const Outcome outcome = run_shell(scratch, "ulimit -f 0; \"$SPOOLQ\" " + command);
    CHECK(outcome.exit == 74);
    CHECK(has(outcome.err, "File too large"));
  }
  CHECK(names_in(q + "/tmp").empty());
  CHECK(run_well({"take", q}) == "x");
}

TEST_CASE("head may stop reading a long list", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::string lines;
  for (int i = 0; i < 3000; ++i) lines += "x\n";
  run_well({"put", q, "--each-line", "--sync=none"}, lines);
  for (const std::string options : {"", "-q", "--json", "-l"}) {
    CAPTURE(options);
    const Outcome outcome = run_shell(
        scratch, fmt::format("{{ \"$SPOOLQ\" ls q {}; echo $? >code; }} | head -1", options));
    CHECK(outcome.exit == 0);
    CHECK(outcome.err.empty());
    CHECK(lines_of(outcome.out).size() == 1);
    CHECK(read_file(scratch / "code") == "141\n");
  }
}

TEST_CASE("the same queue has many paths", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q}, "x");
  fs::create_directory_symlink(q, scratch / "link");
  for (const std::string& path :
       std::vector<std::string>{"q", "q/", "q//", "./q", "q/.", "q/../q", "q/new/..", "link",
                                "link/", "../" + scratch.path().filename().string() + "/q"}) {
    CAPTURE(path);
    const auto in_scratch = [&](const std::vector<std::string>& arguments) {
      return run(Invocation{.arguments = arguments, .directory = scratch.path()});
    };
    CHECK(in_scratch({"ls", path, "-q"}).out == id + "\n");
    CHECK(in_scratch({"init", path}).exit == 0);
    CHECK(has(in_scratch({"stats", path, "--json"}).out, "\"queue\":\"" + q + "\""));
  }
  CHECK(run(Invocation{.arguments = {"ls", ".", "-q"}, .directory = q}).out == id + "\n");
  CHECK(run(Invocation{.arguments = {"ls", "..", "-q"}, .directory = q + "/new"}).out == id + "\n");
}

TEST_CASE("where no queue can be, no command is offered to make one", "[cli][strange]") {
  const Scratch scratch;
  write_file(scratch / "file", "");
  fs::create_symlink("nowhere", scratch / "dangling");
  fs::create_symlink("loop", scratch / "loop");
  for (const auto& [path, why] : std::vector<std::pair<std::string, std::string>>{
           {scratch / "file", "what is there is not a folder"},
           {scratch / "file/q", "Not a directory"},
           {scratch / "dangling", "what is there is a link that leads nowhere"},
           {scratch / "loop", "Too many levels of symbolic links"},
           {scratch / std::string(300, 'x'), "File name too long"},
           {std::string(5000, 'x'), "File name too long"}}) {
    CAPTURE(path);
    const Outcome outcome = run({"ls", path});
    CHECK(outcome.exit == 66);
    CHECK(outcome.err == "spoolq: no queue at " + path + ": " + why + "\n");
    CHECK(run({"init", path}).exit == 73);
  }
}

TEST_CASE("an empty argument is shown as one", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string verb : {"ls", "put", "take", "init", "stats"}) {
    CAPTURE(verb);
    CHECK(run({verb, ""}).exit == 64);
  }
  CHECK(has(run({""}).err, "no verb ''"));
  CHECK(has(run({"put", q, ""}).err, "spoolq: '': No such file"));
  CHECK(has(run({"take", q, "-o", ""}).err, "spoolq: '': No such file"));
  CHECK(has(run({"show", q, ""}).err, "''"));
  CHECK(names_in(q + "/new").empty());
}

TEST_CASE("a selector that does not exist is a bad value", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string text : {"@", "@olddest", "@OLDEST", "@new est"}) {
    CAPTURE(text);
    const Outcome outcome = run({"show", q, text});
    CHECK(outcome.exit == 65);
    CHECK(has(outcome.err, "@oldest and @newest"));
  }
}

TEST_CASE("an id of another queue is no message here", "[cli][strange]") {
  const Scratch scratch;
  const std::string a = new_queue(scratch, "a");
  const std::string b = new_queue(scratch, "b");
  const std::string id = run_well({"put", a}, "x");
  for (const std::string verb :
       {"show", "cat", "rm", "retry", "ack", "release", "extend", "fail"}) {
    CAPTURE(verb);
    const Outcome outcome = run({verb, b, id});
    CHECK(outcome.exit == 66);
    CHECK(has(outcome.err, id));
    CHECK(has(outcome.err, "no such message"));
  }
  const std::string claim = run_well({"take", a, "--hold"}).substr(37);
  CHECK(run({"ack", b, claim}).exit == 66);
  CHECK(run_well({"ls", a, "-q", "--state=claimed"}) == id);
}

TEST_CASE("words after -- are arguments, whatever they look like", "[cli][strange]") {
  const Scratch scratch;
  for (const std::string name : {"-q", "--json", "--"}) {
    CAPTURE(name);
    const auto in_scratch = [&](const std::vector<std::string>& arguments) {
      return run(Invocation{.arguments = arguments, .input = "x", .directory = scratch.path()});
    };
    CHECK(in_scratch({"init", "--", name}).exit == 0);
    CHECK(in_scratch({"put", "--priority=1", "--", name}).out.size() == 37);
    CHECK(in_scratch({"take", "--", name}).out == "x");
    CHECK(in_scratch({"ls", "--", name, "extra"}).exit == 64);
  }
}

TEST_CASE("an argument of any size is refused or cut, never a crash", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string huge(100'000, 'n');
  CHECK(run({huge}).exit == 64);
  CHECK(run({"ls", q, "--" + huge}).exit == 64);
  CHECK(run({"ls", q, "--state", huge}).exit == 65);
  CHECK(run({"put", q, "--key", huge}).exit == 65);
  CHECK(run({"put", q, "--header", "h=" + huge}).exit == 65);
  CHECK(run({"put", q, huge}).exit == 66);
  CHECK(run({"show", q, huge}).exit == 66);
  CHECK(run({"config", q, "mode=" + huge}).exit == 78);
  CHECK(run({"take", q, "-o", huge}).exit == 73);
  CHECK(names_in(q + "/new").empty());
  const std::string id = run_well({"put", q, "--name", huge}, "x");
  CHECK(has(run_well({"show", q, id}), "name: nnnn"));
  const std::string claim = run_well({"take", q, "--hold"}).substr(37);
  run_well({"fail", q, claim, "--reason", huge});
  CHECK(has(run_well({"show", q, id}), "reason: nnnn"));
}

TEST_CASE("a queue of a newer format, or without sound settings, is 78", "[cli][strange]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string text : {R"({"format":2,"queue_id":"x","settings":{}})", "{", "", "[]"}) {
    CAPTURE(text);
    write_file(q + "/spoolq.json", text);
    for (const std::string verb : {"ls", "put", "take", "stats", "config", "reap"}) {
      const Outcome outcome = run({verb, q});
      CHECK(outcome.exit == 78);
      CHECK(has(outcome.err, "spoolq.json"));
    }
  }
}

TEST_CASE("a queue of another user is 77", "[cli][strange]") {
  if (::geteuid() != 0) {
    WARN("needs root, to become somebody else");
    return;
  }
  const Scratch scratch;
  fs::permissions(scratch.path(), fs::perms{0755});
  const std::string q = new_queue(scratch);
  const auto as_nobody = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"--reuid=65534", "--regid=65534", "--clear-groups", "--", program_path()});
    return run(Invocation{.arguments = arguments, .program = "/usr/bin/setpriv"});
  };
  if (as_nobody({"version"}).exit != 0) {
    WARN("the program cannot be run by another user here");
    return;
  }
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"ls", q},
                                             {"put", q},
                                             {"take", q},
                                             {"stats", q},
                                             {"init", q},
                                             {"init", scratch / "other"}}) {
    CAPTURE(arguments);
    const Outcome outcome = as_nobody(arguments);
    CHECK(outcome.exit == 77);
    CHECK(outcome.out.empty());
    CHECK(has(outcome.err, "Permission denied"));
  }
  fs::permissions(q, fs::perms{0757});
  const Outcome unsafe = run({"ls", q});
  CHECK(unsafe.exit == 77);
  CHECK(has(unsafe.err, "everybody may write here"));
}

}  // namespace spoolq::test
