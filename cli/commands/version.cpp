// spoolq version.
#include "cli/commands/commands.hpp"
#include "cli/output/json.hpp"

namespace spoolq::cli {

int version_command(Command& command, Console& console) {
  bool json = false;
  command.describe("version", "print the version", "", 0, 0);
  command.flag("--json", json, "print JSON");
  command.example("spoolq version --json", "for programs");
  if (!command.parse(console)) return kExitDone;
  console.out.write(json ? version_document(SPOOLQ_VERSION)
                         : std::string{"spoolq " SPOOLQ_VERSION "\n"});
  return kExitDone;
}

}  // namespace spoolq::cli
