// spoolq rm: removes messages.
#include <fmt/format.h>

#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {

int rm_command(Command& command, Console& console) {
  bool force = false;
  command.describe("rm", "remove messages", "Q ID...", 2, kUnlimited);
  command.elsewhere = {"delete", "remove"};
  command.flag("--force", force, "claimed messages too");
  command.example("spoolq rm jobs 97d0a11c", "remove a message for good");
  command.details = kIdDetails;
  if (!command.parse(console)) return kExitDone;
  Queue queue = open_queue(command.queue(), console);
  const auto remove = [&](const MessageInfo& message, Sync sync) {
    if (message.state == State::claimed && !force) {
      throw Failure{kExitClaimLost,
                    fmt::format("{} is claimed; to remove it all the same: --force", message.id)};
    }
    queue.remove_claimed(message, sync);
  };
  return change_named(console, queue, command.rest(), all_states(), remove, {&queue});
}

}  // namespace spoolq::cli
