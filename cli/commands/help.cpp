// spoolq help: explains a command.

#include "cli/commands/commands.hpp"

namespace spoolq::cli {

int help_command(Command& command, Console& console) {
  command.describe("help", "explain a verb", "[VERB]", 0);
  command.example("spoolq help put", "all about put");
  if (!command.parse(console)) return kExitDone;
  console.out.write(command.arguments().empty()
                        ? full_program_help(all_commands())
                        : full_help(require_command(command.arguments().front())));
  return kExitDone;
}

}  // namespace spoolq::cli
