// What the program says and answers when it is used wrongly, and its help.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/help_pages.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

/// The words of a usage line that must be given, without the program and the verb.
std::vector<std::string> required_words(const std::string& usage) {
  std::vector<std::string> words;
  std::istringstream stream{usage};
  for (std::string word; stream >> word;) {
    if (word == "--from=PROGRAM") word = "--from=nq";
    const bool is_given = word == "--" || word.starts_with("--from=");
    if (word.starts_with('[') || (word.starts_with('-') && !is_given)) continue;
    if (has(word, "|--all")) word = "--all";
    if (has(word, "|--empty")) word = "--empty";
    words.push_back(word);
  }
  words.erase(words.begin(), words.begin() + 2);
  return words;
}

/// A command of `verb` for the queue at `path` that has all that it needs.
std::vector<std::string> complete(const std::string& verb, const std::string& path) {
  std::vector<std::string> arguments = {verb};
  for (const std::string& word : required_words(usage_of(verb))) {
    if (word.starts_with("--")) {
      arguments.push_back(word);
    } else {
      const bool is_queue = word == "Q" || (arguments.size() == 1 && word != "DIR");
      arguments.push_back(is_queue ? path : "abcdefgh");
    }
  }
  return arguments;
}

/// With more options: at the end, or where they end.
std::vector<std::string> with(std::vector<std::string> arguments,
                              const std::vector<std::string>& more) {
  arguments.insert(std::ranges::find(arguments, "--"), more.begin(), more.end());
  return arguments;
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

TEST_CASE("every verb is the nearest to itself misspelt", "[cli][usage]") {
  for (const std::string& verb : verb_names()) {
    CAPTURE(verb);
    CHECK(has(run({verb + "x", "jobs"}).err, "Did you mean '" + verb + "'?"));
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

TEST_CASE("every option of every verb is the nearest to itself misspelt", "[cli][usage]") {
  for (const std::string& verb : verb_names()) {
    std::vector<std::string> names = {"--color", "--verbose", "--help"};
    for (const OptionHelp& option : options_of(verb)) {
      if (option.name.starts_with("--")) names.push_back(option.name);
    }
    for (const std::string& name : names) {
      CAPTURE(verb, name);
      const Outcome outcome = run({verb, "jobs", name + "x"});
      CHECK(outcome.exit == 64);
      CHECK(outcome.out.empty());
      CHECK(has(outcome.err, "spoolq: " + verb + ": no option '" + name + "x'"));
      CHECK(has(outcome.err, "Did you mean '" + name + "'?"));
    }
    const Outcome odd = run({verb, "jobs", "--\x1b[31m\xff\n=5"});
    CHECK(odd.exit == 64);
    CHECK(has(odd.err, R"(no option '--\x1b[31m\xff\x0a')"));
  }
}

TEST_CASE("a missing argument is answered with the usage and an example", "[cli][usage]") {
  std::size_t missing = 0;
  for (const std::string& verb : verb_names()) {
    const std::vector<std::string> whole = complete(verb, "jobs");
    for (std::size_t count = 1; count < whole.size(); ++count) {
      const std::vector<std::string> some(whole.begin(),
                                          whole.begin() + static_cast<std::ptrdiff_t>(count));
      CAPTURE(some);
      const Outcome outcome = run(some);
      CHECK(outcome.exit == 64);
      CHECK(outcome.out.empty());
      CHECK(has(outcome.err, "usage: " + usage_of(verb) + "\n"));
      CHECK(has(outcome.err, "for example: " + examples_of(verb).at(0) + "\n"));
      CHECK(has(outcome.err, "help: spoolq " + verb + " -h\n"));
      ++missing;
    }
  }
  CHECK(missing >= 24);
}

TEST_CASE("an option of any verb without its value is wrong use", "[cli][usage]") {
  for (const std::string& verb : verb_names()) {
    for (const OptionHelp& option : options_of(verb)) {
      if (option.value.empty() || option.is_value_optional) continue;
      CAPTURE(verb, option.name);
      const Outcome outcome = run(with(complete(verb, "jobs"), {option.name}));
      CHECK(outcome.exit == 64);
      CHECK(has(outcome.err, verb + ": " + option.name + " needs a value"));
    }
  }
}

TEST_CASE("an option of any verb refuses a value that cannot be, and says what can",
          "[cli][usage]") {
  // By what the help calls the value. What is not here takes any text.
  const std::map<std::string, std::string> expected = {
      {"D", "not a duration such as 250ms"}, {"N", "not a number from "},
      {"T", "not a time such as 2026-"},     {"HOW", "not one of durable, "},
      {"S", "not of ready, claimed, "},      {"K=V", "not NAME=VALUE"},
      {"RANGE", "not a range such as 1s.."}, {"RATE", "not a rate such as 10/s"},
      {"WHAT", "not delete, keep or mv:"},   {"FORMAT", "not one of text, json"},
      {"KIND", "not one of tar, "},          {"RULE", "not one of auto, "},
      {"PROGRAM", "not one of dirq, "}};
  const Scratch scratch;
  run_well({"init", scratch / "q"});
  std::size_t refused = 0;
  for (const std::string& verb : verb_names()) {
    for (const OptionHelp& option : options_of(verb)) {
      if (!expected.contains(option.value)) continue;
      for (const auto& [value, shown] : std::vector<std::pair<std::string, std::string>>{
               {"", ""},
               {"-5", "-5"},
               {"99999999999999999999x", "99999999999999999999x"},
               {"\x1b[31m\xff\n", R"(\x1b[31m\xff\x0a)"}}) {
        const std::string joined = option.name.starts_with("--") ? option.name + "=" + value : "";
        const Outcome outcome =
            run(with(complete(verb, scratch / "q"),
                     joined.empty() ? std::vector{option.name, value} : std::vector{joined}));
        CAPTURE(verb, option.name, value, outcome.err);
        CHECK(outcome.exit == 65);
        CHECK(outcome.out.empty());
        CHECK(has(outcome.err, fmt::format("spoolq: {}: {} '{}': {}", verb, option.name, shown,
                                           expected.at(option.value))));
        ++refused;
      }
    }
  }
  CHECK(refused >= 50);
  CHECK(names_in(scratch / "q/new").empty());
}

TEST_CASE("every verb has a short help that begins with examples, and a full one", "[cli][usage]") {
  for (const std::string& verb : verb_names()) {
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
  for (const std::string& verb : verb_names()) CHECK(has(brief, "\n  " + verb + " "));
  CHECK(has(run_well({"--help"}), "   66  no such queue"));
  CHECK(run_well({"help"}) == run_well({"--help"}));
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
  for (const std::string& verb : verb_names()) {
    const std::vector<std::string> words = required_words(usage_of(verb));
    if (words.empty() || verb == "init") continue;
    CAPTURE(verb);
    const Outcome outcome = run(complete(verb, path));
    CHECK(outcome.exit == 66);
    CHECK(outcome.out.empty());
    CHECK(has(outcome.err, "no queue at " + path));
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

TEST_CASE("verbs of other queues lead to those here", "[cli][usage]") {
  for (const auto& [word, verb] : std::map<std::string, std::string>{
           {"receive", "take"}, {"delete", "rm"}, {"enqueue", "put"}, {"create", "init"}}) {
    const Outcome outcome = run({word, "q"});
    CHECK(outcome.exit == 64);
    CHECK(has(outcome.err, "Did you mean '" + verb + "'?"));
  }
}

TEST_CASE("a value set apart from an option that needs none is explained", "[cli][usage]") {
  const Outcome outcome = run({"take", "q", "--wait", "30s"});
  CHECK(outcome.exit == 64);
  CHECK(has(outcome.err, "A value for --wait is written --wait=30s"));
}

TEST_CASE("a verb that comes second is put in its place", "[cli][usage]") {
  const Outcome outcome = run({"my jobs", "ls"});
  CHECK(outcome.exit == 64);
  CHECK(has(outcome.err, "The verb comes first: spoolq ls 'my jobs'"));
}

}  // namespace
}  // namespace spoolq::test
