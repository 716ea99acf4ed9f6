// spoolq pause: gives nothing out for a while.
#include "cli/commands/commands.hpp"

namespace spoolq::cli {

int pause_command(Command& command, Console& console) {
  command.describe("pause", "give nothing out for a while");
  command.example("spoolq pause jobs", "give nothing out until `spoolq resume jobs`");
  command.details =
      R"(Puts go on, and so does what consumers hold already. `take` ends with 69, or waits with --wait;
a worker waits. The queue stays paused over restarts of consumers and of the machine: it is a
file, `paused`, in the queue's directory.)";
  if (!command.parse(console)) return kExitDone;
  open_queue(command.queue(), console).pause();
  return kExitDone;
}

}  // namespace spoolq::cli
