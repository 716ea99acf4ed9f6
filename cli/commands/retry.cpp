// spoolq retry: tries failed messages again.
#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/selection.hpp"

namespace spoolq::cli {

int retry_command(Command& command, Console& console) {
  Selection selection{.states = {State::failed}};
  command.describe("retry", "try failed messages again", "Q ID...|--all", 1, kUnlimited);
  command.aliases = {"kick"};
  command.elsewhere = {"redrive", "requeue"};
  selection.bind_all(command, "all failed messages; prints how many");
  selection.bind_filters(command);
  command.example("spoolq retry jobs 97d0a11c", "try a failed message again");
  command.example("spoolq retry jobs --all", "try all of them again");
  command.details =
      R"(The message is ready again, with no attempt counted and without its reason. One whose time to
live was over has none any more.
ID is a whole id, four or more of its first or last characters, the path of the message's file,
or @oldest or @newest.)";
  if (!command.parse(console)) return kExitDone;
  const auto ids = command.rest();
  selection.require_ids_or_all(command, ids);
  Queue queue = open_queue(command.queue(), console);
  const Change retry = [&](const auto& message, Sync sync) { queue.retry(message, sync); };
  if (!ids.empty()) return change_named(console, queue, ids, selection.states, retry, {&queue});
  return change_selected(console, select(queue, selection), retry, {&queue}, "retried");
}

}  // namespace spoolq::cli
