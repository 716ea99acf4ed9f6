// What the program says and answers when it is used wrongly, and its help.
#include <array>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

const std::vector<std::string>& verbs() {
  static const std::vector<std::string> names = {
      "init", "config", "put",  "take", "ack",  "release", "extend", "fail",    "retry",
      "rm",   "ls",     "show", "cat",  "peek", "stats",   "reap",   "version", "help"};
  return names;
}

TEST_CASE("without a verb the usage goes to standard error and the exit code is 64",
          "[cli][usage]") {
  const Outcome outcome = run(Invocation{});
  CHECK(outcome.exit == 64);
  CHECK(outcome.out.empty());
  CHECK(has(outcome.err, "put messages"));
}

TEST_CASE("an unknown verb is answered with the nearest one", "[cli][usage]") {
  for (const auto& [typed, meant] :
       std::vector<std::pair<std::string, std::string>>{{"statz", "stats"},
                                                        {"tkae", "take"},
                                                        {"pt", "put"},
                                                        {"shwo", "show"},
                                                        {"sned", "send"}}) {
    CAPTURE(typed);
    const Outcome outcome = run({typed, "jobs"});
    CHECK(outcome.exit == 64);
    CHECK(outcome.out.empty());
    CHECK(has(outcome.err, "'" + meant + "'"));
    CHECK(outcome.err.starts_with("spoolq: "));
  }
}

TEST_CASE("a verb that resembles none is only refused", "[cli][usage]") {
  const Outcome outcome = run({"frobnicate"});
  CHECK(outcome.exit == 64);
  CHECK_FALSE(has(outcome.err, "Did you mean"));
}

TEST_CASE("an unknown option is answered with the nearest one", "[cli][usage]") {
  for (const auto& [verb, typed, meant] :
       std::vector<std::array<std::string, 3>>{{"ls", "--jsno", "--json"},
                                               {"put", "--prioirty=3", "--priority"},
                                               {"put", "-delay", "--delay"},
                                               {"take", "--hodl", "--hold"}}) {
    CAPTURE(verb, typed);
    const Outcome outcome = run({verb, "jobs", typed});
    CHECK(outcome.exit == 64);
    CHECK(has(outcome.err, "'" + meant + "'"));
  }
}

TEST_CASE("a missing argument is answered with the usage and an example", "[cli][usage]") {
  for (const std::string& verb : verbs()) {
    if (verb == "version" || verb == "help") continue;
    CAPTURE(verb);
    const Outcome outcome = run({verb});
    CHECK(outcome.exit == 64);
    CHECK(has(outcome.err, "usage: spoolq " + verb));
    CHECK(has(outcome.err, "for example: spoolq " + verb));
  }
}

TEST_CASE("every verb has a short help that begins with examples, and a full one", "[cli][usage]") {
  for (const std::string& verb : verbs()) {
    CAPTURE(verb);
    const std::string brief = run_well({verb, "-h"});
    CHECK(brief.find("\n  spoolq " + verb) < brief.find("Usage:"));
    const std::string full = run_well({verb, "--help"});
    CHECK(full.size() > brief.size());
    CHECK(run_well({"help", verb}) == full);
  }
}

TEST_CASE("the help of an alias is that of its verb", "[cli][usage]") {
  for (const auto& [alias, verb] :
       std::vector<std::pair<std::string, std::string>>{{"send", "put"},
                                                        {"claim", "take"},
                                                        {"done", "ack"},
                                                        {"nack", "release"},
                                                        {"bury", "fail"},
                                                        {"touch", "extend"},
                                                        {"kick", "retry"}}) {
    CAPTURE(alias);
    CHECK(run_well({"help", alias}) == run_well({"help", verb}));
  }
}

TEST_CASE("the program's help lists the verbs and, in full, the exit codes", "[cli][usage]") {
  const std::string brief = run_well({"-h"});
  for (const std::string& verb : verbs()) CHECK(has(brief, "\n  " + verb + " "));
  CHECK(has(run_well({"--help"}), "   66  no such queue"));
  CHECK(run_well({"help"}) == run_well({"--help"}));
}

TEST_CASE("an option without its value is wrong use", "[cli][usage]") {
  const Outcome outcome = run({"put", "jobs", "--priority"});
  CHECK(outcome.exit == 64);
  CHECK(has(outcome.err, "--priority needs a value"));
}

TEST_CASE("a value that cannot be ends with 65 and is named", "[cli][usage]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  const std::vector<std::vector<std::string>> cases = {
      {"put", "--priority", "10"},  {"put", "--priority", "-1"}, {"put", "--delay", "5x"},
      {"put", "--at", "yesterday"}, {"put", "--ttl", ""},        {"put", "--header", "novalue"},
      {"put", "--sync", "maybe"},   {"take", "-n", "many"},      {"ls", "--state", "lost"},
      {"take", "--ack", "perhaps"}, {"ls", "--color", "pink"}};
  for (const auto& row : cases) {
    CAPTURE(row);
    const Outcome outcome = run({row[0], scratch / "q", row[1], row[2]});
    CHECK(outcome.exit == 65);
    CHECK(has(outcome.err, row[1] + " '" + row[2] + "'"));
  }
  CHECK(names_in(scratch / "q/new").empty());
}

TEST_CASE("options may stand before and after arguments, and -- ends them", "[cli][usage]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  write_file(scratch / "-x", "dash");
  run_well({"put", "--priority=3", scratch / "q", "--key", "k", "-"}, "one");
  CHECK(run_well({"--color=never", "ls", "-q", scratch / "q"}).size() == 36);
  const Outcome outcome =
      run(Invocation{.arguments = {"put", scratch / "q", "--", "-x"}, .directory = scratch.path()});
  CHECK(outcome.exit == 0);
  CHECK(run_well({"peek", scratch / "q", "-n", "2"}) == "onedash");
}

TEST_CASE("a missing queue is 66 and names the command that makes it", "[cli][usage]") {
  const Scratch scratch;
  const std::string path = scratch / "no such";
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"ls", path},
                                             {"put", path},
                                             {"take", path},
                                             {"stats", path},
                                             {"ack", path, "x"},
                                             {"rm", path, "x"},
                                             {"config", path},
                                             {"reap", path}}) {
    CAPTURE(arguments);
    const Outcome outcome = run(arguments);
    CHECK(outcome.exit == 66);
    CHECK(outcome.out.empty());
    CHECK(has(outcome.err, "spoolq init '" + path + "'"));
  }
}

TEST_CASE("a bare word is a queue here, or else one under SPOOLQ_ROOT", "[cli][usage]") {
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "root");
  std::filesystem::create_directories(scratch / "here");
  const auto in_here = [&](std::vector<std::string> arguments) {
    return run(Invocation{.arguments = std::move(arguments),
                          .input = "x",
                          .environment = {{"SPOOLQ_ROOT", scratch / "root"}},
                          .directory = scratch / "here"});
  };
  CHECK(in_here({"init", "jobs"}).exit == 0);
  CHECK(std::filesystem::exists(scratch / "root/jobs/new"));
  CHECK(in_here({"put", "jobs"}).exit == 0);
  CHECK(names_in(scratch / "root/jobs/new").size() == 1);
  CHECK(in_here({"init", "./jobs"}).exit == 0);
  CHECK(in_here({"put", "jobs"}).exit == 0);
  CHECK(names_in(scratch / "here/jobs/new").size() == 1);
}

TEST_CASE("@ is the queue in SPOOLQ_QUEUE", "[cli][usage]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  const Outcome outcome = run(Invocation{
      .arguments = {"put", "@"}, .input = "x", .environment = {{"SPOOLQ_QUEUE", scratch / "q"}}});
  CHECK(outcome.exit == 0);
  const Outcome unset = run({"put", "@"});
  CHECK(unset.exit == 64);
  CHECK(has(unset.err, "SPOOLQ_QUEUE"));
}

TEST_CASE("colour is used when asked for and never otherwise in a pipe", "[cli][usage]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  run_well({"put", scratch / "q"}, "x");
  const auto is_colored = [&](std::vector<std::string> options,
                              std::map<std::string, std::string> environment) {
    options.insert(options.begin(), {"ls", scratch / "q"});
    return has(run(Invocation{.arguments = options, .environment = environment}).out, "\x1b[");
  };
  CHECK_FALSE(is_colored({}, {}));
  CHECK(is_colored({"--color=always"}, {{"NO_COLOR", "1"}}));
  CHECK(is_colored({}, {{"CLICOLOR_FORCE", "1"}}));
  CHECK_FALSE(is_colored({}, {{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}));
  CHECK_FALSE(is_colored({"--color=never"}, {{"CLICOLOR_FORCE", "1"}}));
}

TEST_CASE("output that cannot be written ends with 74", "[cli][usage]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  run_well({"put", scratch / "q"}, "x");
  for (const std::string verb : {"ls", "stats", "peek", "take", "config", "reap"}) {
    CAPTURE(verb);
    const Outcome full =
        run(Invocation{.arguments = {verb, scratch / "q"}, .output_file = "/dev/full"});
    CHECK(full.exit == 74);
    CHECK(has(full.err, "No space left"));
    const Outcome closed =
        run(Invocation{.arguments = {verb, scratch / "q"}, .output_closed = true});
    CHECK(closed.exit == 74);
  }
  CHECK(run_well({"ls", scratch / "q", "-q", "--state", "ready"}).size() == 36);
}

TEST_CASE("a reader that has gone ends the program without a word", "[cli][usage]") {
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  run_well({"put", scratch / "q"}, "x");
  for (const std::string verb : {"ls", "stats", "peek", "take"}) {
    CAPTURE(verb);
    const Outcome outcome =
        run(Invocation{.arguments = {verb, scratch / "q"}, .reader_gone = true});
    CHECK(outcome.exit == 141);
    CHECK(outcome.err.empty());
  }
}

}  // namespace
}  // namespace spoolq::test
