// What is printed does not depend on where it is printed: not on the locale, the time zone, the
// terminal's name or width. Only colour does, and only on a terminal or when it is asked for.
#include <algorithm>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/help_pages.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

using Environment = std::map<std::string, std::string>;

/// Two messages of long ago, one of them failed, with a name that is not printable everywhere.
std::string old_queue(const Scratch& scratch) {
  const std::string q = scratch / "q";
  run_well({"init", q});
  write_file(
      q + "/new/3.01697a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=12345,N=K%C3%A4tz%0Achen%FF,K=I%C4%B0i",
      "");
  write_file(
      q + "/new/4.01697a7b-8c3d-7e21-9f4a-1b2c3d4e5f61,S=12345,N=K%C3%A4tz%0Achen%FF,T=a%2Fb", "");
  write_file(q + "/failed/5.01697a7b-8c3d-7e21-9f4a-1b2c3d4e5f62,A=5", "");
  return q;
}

/// Every verb that prints, in each of its forms, and the errors.
std::vector<std::vector<std::string>> printing_commands(const std::string& q) {
  std::vector<std::vector<std::string>> commands = {{"ls", q},
                                                    {"ls", q, "-l"},
                                                    {"ls", q, "-q"},
                                                    {"ls", q, "-0"},
                                                    {"ls", q, "--json"},
                                                    {"show", q, "@oldest"},
                                                    {"show", q, "@oldest", "--json"},
                                                    {"stats", q},
                                                    {"stats", q, "--json"},
                                                    {"config", q},
                                                    {"config", q, "--json"},
                                                    {"reap", q},
                                                    {"reap", q, "--json"},
                                                    {"version"},
                                                    {"version", "--json"},
                                                    {"help"},
                                                    {"-h"},
                                                    {},
                                                    {"nosuchverb"},
                                                    {"ls", "--nosuchoption"},
                                                    {"ls", q, "-n", "K\xc3\xa4tz\nchen\xff"},
                                                    {"ls", q + "/nosuchqueue"},
                                                    {"config", q, "max_attempts=\xc4\xb0"},
                                                    {"show", q, "K\xc3\xa4tz\nchen\xff"}};
  for (const std::string& verb : verb_names()) {
    commands.push_back({verb, "-h"});
    commands.push_back({"help", verb});
  }
  return commands;
}

/// The output with what changes from run to run hidden: the ages, and the time of the look.
std::string steady(const std::string& text) {
  static const std::regex moving{
      R"x(("(?:age_seconds|oldest_ready_seconds)":)[0-9.]+|("at":)"[^"]*"|[0-9]+d[0-9][0-9]h)x"};
  return std::regex_replace(text, moving, "$1$2-");
}

Outcome run_in(const Environment& environment, const std::vector<std::string>& arguments,
               bool on_terminal = false) {
  Outcome outcome = run(
      Invocation{.arguments = arguments, .environment = environment, .on_terminal = on_terminal});
  outcome.out = steady(outcome.out);
  outcome.err = steady(outcome.err);
  return outcome;
}

bool has_escape(const Outcome& outcome) {
  return has(outcome.out, "\x1b") || has(outcome.err, "\x1b");
}

/// Without the codes of colour.
std::string plain(const std::string& text) {
  return std::regex_replace(text, std::regex{"\x1b\\[[0-9]*m"}, "");
}

const Environment kPlain = {{"TERM", "xterm-256color"}, {"LC_ALL", "C"}, {"TZ", "UTC"}};

Environment with(const Environment& changes) {
  Environment environment = changes;
  environment.insert(kPlain.begin(), kPlain.end());
  return environment;
}

}  // namespace

TEST_CASE("in a pipe the same bytes come in any environment", "[cli][surroundings]") {
  const Scratch scratch;
  const auto commands = printing_commands(old_queue(scratch));
  for (const auto& arguments : commands) {
    CAPTURE(arguments);
    const Outcome expected = run_in(kPlain, arguments);
    CHECK(expected.out.size() + expected.err.size() > 0);
    CHECK_FALSE(has_escape(expected));
    for (const Environment& changes : std::vector<Environment>{
             {{"TERM", "dumb"}, {"COLUMNS", "20"}, {"LINES", "3"}},
             {{"TERM", ""}, {"COLUMNS", "1000"}},
             {{"LC_ALL", "C.UTF-8"}, {"LANG", "C.UTF-8"}},
             {{"LC_ALL", "tr_TR.UTF-8"}, {"LANGUAGE", "tr:de"}},
             {{"LC_ALL", "de_DE.ISO-8859-1"}, {"LC_NUMERIC", "de_DE"}},
             {{"TZ", "America/St_Johns"}},
             {{"TZ", "XYZ-14"}},
             {{"NO_COLOR", "1"}},
             {{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}},
             {{"CLICOLOR_FORCE", "0"}, {"CLICOLOR", "1"}},
             {{"HOME", "/nowhere"}, {"PATH", ""}, {"XDG_CONFIG_HOME", "/nowhere"}}}) {
      CAPTURE(changes);
      const Outcome outcome = run_in(with(changes), arguments);
      CHECK(outcome.out == expected.out);
      CHECK(outcome.err == expected.err);
      CHECK(outcome.exit == expected.exit);
    }
  }
}

TEST_CASE(
    "whether there is colour is decided by --color, NO_COLOR, CLICOLOR_FORCE, TERM=dumb and "
    "the terminal, in this order",
    "[cli][surroundings]") {
  const Scratch scratch;
  const std::string q = old_queue(scratch);
  struct Case {
    std::string option;
    Environment environment;
    bool in_pipe;
    bool on_terminal;
  };
  const std::vector<Case> cases = {
      {"", {}, false, true},
      {"", {{"NO_COLOR", ""}}, false, true},
      {"", {{"TERM", "dumb"}}, false, false},
      {"", {{"CLICOLOR_FORCE", "1"}}, true, true},
      {"", {{"CLICOLOR_FORCE", "0"}}, false, true},
      {"", {{"CLICOLOR_FORCE", "1"}, {"TERM", "dumb"}}, true, true},
      {"", {{"NO_COLOR", "1"}}, false, false},
      {"", {{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}, false, false},
      {"--color=auto", {{"NO_COLOR", "1"}}, false, false},
      {"--color=auto", {}, false, true},
      {"--color=always", {{"NO_COLOR", "1"}, {"TERM", "dumb"}}, true, true},
      {"--color=never", {{"CLICOLOR_FORCE", "1"}}, false, false}};
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"ls", q},
                                             {"ls", q, "-l"},
                                             {"stats", q},
                                             {"ls", q + "/nosuchqueue"},
                                             {"show", q, "zzzzzzzz"}}) {
    for (const Case& each : cases) {
      std::vector<std::string> arguments = command;
      if (!each.option.empty()) arguments.push_back(each.option);
      CAPTURE(arguments, each.environment);
      CHECK(has_escape(run_in(with(each.environment), arguments)) == each.in_pipe);
      CHECK(has_escape(run_in(with(each.environment), arguments, true)) == each.on_terminal);
    }
  }
}

TEST_CASE("a terminal adds colour to the bytes of a pipe and nothing else", "[cli][surroundings]") {
  const Scratch scratch;
  for (const auto& arguments : printing_commands(old_queue(scratch))) {
    CAPTURE(arguments);
    const Outcome in_pipe = run_in(kPlain, arguments);
    const Outcome on_terminal = run_in(kPlain, arguments, true);
    CHECK(plain(on_terminal.out) == in_pipe.out + in_pipe.err);
    CHECK(on_terminal.exit == in_pipe.exit);
    const Outcome without = run_in(with({{"NO_COLOR", "1"}}), arguments, true);
    CHECK(without.out == in_pipe.out + in_pipe.err);
    CHECK_FALSE(has(without.out, "\x1b"));
  }
}

TEST_CASE("documents, ids, paths and payloads are never coloured", "[cli][surroundings]") {
  const Scratch scratch;
  const std::string q = old_queue(scratch);
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"ls", q, "--json"},
                                             {"ls", q, "-q"},
                                             {"ls", q, "-0"},
                                             {"show", q, "@oldest", "--json"},
                                             {"stats", q, "--json"},
                                             {"config", q, "--json"},
                                             {"reap", q, "--json"},
                                             {"version", "--json"}}) {
    CAPTURE(arguments);
    std::vector<std::string> colored = arguments;
    colored.emplace_back("--color=always");
    CHECK_FALSE(has_escape(run_in(kPlain, colored, true)));
  }
}

TEST_CASE("a long list is shortened on a terminal only, and says so", "[cli][surroundings]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += "x\n";
  run_well({"put", q, "--each-line", "--sync=none"}, lines);
  CHECK(lines_of(run_in(kPlain, {"ls", q}).out).size() == 61);
  const Outcome shortened = run_in(kPlain, {"ls", q}, true);
  CHECK(lines_of(shortened.out).size() == 52);
  CHECK(has(plain(shortened.out), "spoolq: 50 of 60 shown; all: -n 0\n"));
  CHECK(lines_of(run_in(kPlain, {"ls", q, "-n", "0"}, true).out).size() == 61);
}

}  // namespace spoolq::test
