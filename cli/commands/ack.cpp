// spoolq ack: finishes held messages.
#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"

namespace spoolq::cli {

int ack_command(Command& command, Console& console) {
  command.describe("ack", "finish held messages", "Q REF...", 2, kUnlimited);
  command.aliases = {"done"};
  command.elsewhere = {"commit"};
  command.example("spoolq ack jobs \"$path\"",
                  "the message is done; $path is what `take --hold` printed");
  command.details = kReferenceDetails;
  if (!command.parse(console)) return kExitDone;
  return for_each_claim(command, console, [](DetachedClaim& claim) { claim.ack(); });
}

}  // namespace spoolq::cli
