// spoolq resume: gives messages out again.
#include "cli/commands/commands.hpp"

namespace spoolq::cli {

int resume_command(Command& command, Console& console) {
  command.describe("resume", "give messages out again");
  command.example("spoolq resume jobs",
                  "the end of `spoolq pause jobs`; those who wait go on at once");
  if (!command.parse(console)) return kExitDone;
  open_queue(command.queue(), console).resume();
  return kExitDone;
}

}  // namespace spoolq::cli
