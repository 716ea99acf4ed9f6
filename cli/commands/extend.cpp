// spoolq extend: holds messages longer.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {

int extend_command(Command& command, Console& console) {
  std::optional<Duration> lease;
  command.describe("extend", "hold messages longer", "Q REF...", 2, kUnlimited);
  command.aliases = {"touch"};
  command.time_limit("--lease", lease, "from now; default: the setting detached_lease");
  command.example("spoolq extend jobs \"$path\" --lease 1h", "keep the claim for an hour from now");
  command.details =
      R"(The end of the lease stands in the file's name, so the message has another path afterwards: it
is printed as by `take --hold`. The old one is still good as REF, but no longer a file.
REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.)";
  if (!command.parse(console)) return kExitDone;
  return for_each_claim(command, console, [&](DetachedClaim& claim) {
    claim.extend(lease);
    // As `take --hold` does: the end of the lease is in the file's name, so the path is new.
    console.out.write(fmt::format("{}\t{}\n", claim.info().id, escape(claim.info().path)));
    console.out.flush();
  });
}

}  // namespace spoolq::cli
