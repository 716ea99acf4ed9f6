// spoolq reap: does the maintenance that consumers do.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/output/json.hpp"

namespace spoolq::cli {

int reap_command(Command& command, Console& console) {
  bool json = false;
  command.describe("reap", "take back dead claims, move due messages");
  command.flag("--json", json, "print JSON");
  command.example("spoolq reap jobs", "for a queue that nobody takes from");
  command.details =
      R"(Takes back the claims of dead consumers, moves delayed messages that are due, fails those whose
time to live is over, removes what dead writers left and finished messages older than
keep_done. Consumers do all this by themselves.)";
  if (!command.parse(console)) return kExitDone;
  Queue queue = open_queue(command.queue(), console);
  const ReapCounts counts = queue.reap();
  console.out.write(json ? reap_document(queue.path(), counts)
                         : fmt::format("returned {}, failed {}, due {}, swept {}, pruned {}\n",
                                       counts.returned, counts.failed, counts.due, counts.swept,
                                       counts.pruned));
  return kExitDone;
}

}  // namespace spoolq::cli
