// spoolq help: explains a command.
#include "cli/args/help.hpp"

#include "cli/commands/commands.hpp"

namespace spoolq::cli {
namespace {

constexpr Example kExamples[] = {{"spoolq help put", "all about put"}};

int run(const Parsed& parsed, Console& console) {
  const Commands commands = parsed.commands();
  console.out.write(parsed.arguments().empty()
                        ? full_program_help(commands)
                        : full_help(require_command(commands, parsed.arguments().front())));
  return kExitDone;
}

}  // namespace

const Command kHelpCommand{.name = "help",
                           .group = Group::other,
                           .summary = "explain a verb",
                           .usage = "[VERB]",
                           .arguments_min = 0,
                           .examples = kExamples,
                           .run = run};

}  // namespace spoolq::cli
