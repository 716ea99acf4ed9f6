// Finding the command, and running it.
#include "cli/command_line.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include "cli/args/help.hpp"
#include "cli/args/parsed.hpp"
#include "cli/args/usage_error.hpp"
#include "cli/command_table.hpp"
#include "cli/output/exit_codes.hpp"

namespace spoolq::cli {
namespace {

using Words = std::vector<std::string>;

void set_up_console(const Parsed& parsed, Console& console) {
  const auto color = parsed.choice<ColorChoice>("color", {{"auto", ColorChoice::automatic},
                                                          {"always", ColorChoice::always},
                                                          {"never", ColorChoice::never}});
  console.color = use_color(color, STDOUT_FILENO);
  console.error_color = use_color(color, STDERR_FILENO);
  console.terminal = ::isatty(STDOUT_FILENO) == 1;
  console.verbose = parsed.flag("verbose");
}

int run_command(const Command& command, const Words& words, Console& console) {
  const Parsed parsed{command, words, all_commands()};
  if (parsed.flag("h") || parsed.flag("help")) {
    console.out.write(parsed.flag("help") ? full_help(command) : short_help(command));
    return kExitDone;
  }
  parsed.check_count();
  set_up_console(parsed, console);
  return command.run(parsed, console);
}

/// Options without a command.
int run_program_options(const Words& words, Console& console) {
  const Commands commands = all_commands();
  const Parsed parsed{require_command(commands, "help"), words, commands};
  if (!parsed.flag("h") && !parsed.flag("help")) throw UsageError{"which verb?", nullptr, true};
  console.out.write(parsed.flag("help") ? full_program_help(commands)
                                        : short_program_help(commands));
  return kExitDone;
}

}  // namespace

int run_command_line(const std::vector<std::string>& words, Console& console) {
  const Commands commands = all_commands();
  // Common options may stand before the command: they are handed on behind it.
  Words before;
  auto word = words.begin();
  for (; word != words.end() && word->size() > 1 && word->front() == '-' && *word != "--"; ++word) {
    if (*word == "--version" || *word == "-V") {
      return run_command(require_command(commands, "version"), {}, console);
    }
    before.push_back(*word);
    if (*word == "--color" && word + 1 != words.end()) before.push_back(*++word);
  }
  if (word == words.end()) return run_program_options(before, console);
  if (find_command(commands, *word) == nullptr && word + 1 != words.end() &&
      find_command(commands, word[1]) != nullptr) {
    throw UsageError{fmt::format("no verb '{}'. The verb comes first: spoolq {} {}", escape(*word),
                                 word[1], shell_quote(*word)),
                     nullptr};
  }
  const Command& command = require_command(commands, *word);
  before.insert(before.end(), word + 1, words.end());
  return run_command(command, before, console);
}

}  // namespace spoolq::cli
