// spoolq fail: gives held messages up.
#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"

namespace spoolq::cli {

int fail_command(Command& command, Console& console) {
  Reason reason;
  command.describe("fail", "give held messages up", "Q REF...", 2, kUnlimited);
  command.aliases = {"bury"};
  command.elsewhere = {"reject"};
  command.text("--reason", reason.text, "TEXT", "why; `spoolq show` tells it");
  command.example("spoolq fail jobs \"$path\" --reason 'no such user'", "give the message up");
  command.details = kReferenceDetails;
  if (!command.parse(console)) return kExitDone;
  return for_each_claim(command, console, [&](DetachedClaim& claim) { claim.fail(reason); });
}

}  // namespace spoolq::cli
