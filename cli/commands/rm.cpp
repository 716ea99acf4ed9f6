// spoolq rm: removes messages.
#include <fmt/format.h>

#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {
    {.name = "force", .help = "claimed messages too"},
};

constexpr Example kExamples[] = {
    {"spoolq rm jobs 97d0a11c", "remove a message for good"},
};

int run(const Parsed& parsed, Console& console) {
  const bool force = parsed.flag("force");
  Queue queue = open_queue(parsed.queue(), console);
  const auto remove = [&](const MessageInfo& message, Sync sync) {
    if (message.state == State::claimed && !force) {
      throw Failure{kExitClaimLost,
                    fmt::format("{} is claimed; to remove it all the same: --force", message.id)};
    }
    queue.remove_claimed(message, sync);
  };
  return change_named(console, queue, parsed.rest(), all_states(),
                      {.one = remove, .sync = [&] { queue.sync(); }});
}

}  // namespace

const Command kRemoveCommand{.name = "rm",
                             .group = Group::keep,
                             .summary = "remove messages",
                             .usage = "Q ID...",
                             .arguments_min = 2,
                             .arguments_max = kUnlimited,
                             .options = kOptions,
                             .examples = kExamples,
                             .details = kIdDetails,
                             .run = run};

}  // namespace spoolq::cli
