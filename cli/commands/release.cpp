// spoolq release: gives held messages back.
#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"

namespace spoolq::cli {

int release_command(Command& command, Console& console) {
  Duration delay{0};
  command.describe("release", "give held messages back", "Q REF...", 2, kUnlimited);
  command.aliases = {"nack"};
  command.duration("--delay", delay, "deliver it again not before this long from now");
  command.example("spoolq release jobs \"$path\"", "give the message back at once");
  command.example("spoolq release jobs \"$path\" --delay 5m", "or in five minutes");
  command.details =
      R"(A message that has used up its attempts (max_attempts) goes to failed/ instead.
REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.)";
  if (!command.parse(console)) return kExitDone;
  return for_each_claim(command, console, [&](DetachedClaim& claim) { claim.release(delay); });
}

}  // namespace spoolq::cli
