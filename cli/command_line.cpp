// Finding the command, and running it.
#include "cli/command_line.hpp"

#include <fmt/format.h>

#include "cli/commands/commands.hpp"

namespace spoolq::cli {
namespace {

using Words = Command::Words;

int run_command(CommandFunction* run, const Words& words, Console& console) {
  Command command{words};
  return run(command, console);
}

/// Options without a command.
int run_program_options(const Words& words, Console& console) {
  Command program{words};
  program.name = "help";
  const Command::Help help = program.take_apart();
  if (help == Command::Help::none)
    throw UsageError{"which verb?", short_program_help(all_commands())};
  console.out.write(help == Command::Help::full ? full_program_help(all_commands())
                                                : short_program_help(all_commands()));
  return kExitDone;
}

}  // namespace

int run_command_line(const Words& words, Console& console) {
  // Common options may stand before the command: they are handed on behind it.
  Words before;
  auto word = words.begin();
  for (; word != words.end() && word->size() > 1 && word->front() == '-' && *word != "--"; ++word) {
    if (*word == "--version" || *word == "-V") return run_command(version_command, {}, console);
    before.push_back(*word);
    if (*word == "--color" && word + 1 != words.end()) before.push_back(*++word);
  }
  if (word == words.end()) return run_program_options(before, console);
  if (find_command(*word) == nullptr && word + 1 != words.end() &&
      find_command(word[1]) != nullptr) {
    throw UsageError{fmt::format("no verb '{}'. The verb comes first: spoolq {} {}", escape(*word),
                                 word[1], shell_quote(*word))};
  }
  const CommandWords& command = require_command(*word);
  before.insert(before.end(), word + 1, words.end());
  return run_command(command.run, before, console);
}

}  // namespace spoolq::cli
