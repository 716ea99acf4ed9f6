// spoolq mv: moves messages into another queue.
#include <fmt/format.h>

#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/selection.hpp"

namespace spoolq::cli {
int mv_command(Command& command, Console& console) {
  Selection selection{.states = {State::ready, State::delayed, State::failed}};
  bool dry_run = false;
  command.describe("mv", "move messages into another queue", "Q TARGET ID...|--all", 2, kUnlimited);
  selection.bind_all(command, "all that are ready, delayed or failed; prints how many");
  selection.bind_states_but_claimed(command);
  selection.bind_filters(command);
  command.flag("--dry-run", dry_run, "print the ids and move nothing");
  command.example("spoolq mv jobs mail 97d0a11c", "one message from jobs to mail");
  command.example("spoolq mv jobs mail --all --state failed",
                  "all dead letters, which stay failed there");
  command.example("spoolq mv jobs mail --all --key user/7", "all with that key");
  command.details =
      R"(A message keeps its id, its state and all that was said of it. On one file system the move is
a rename. Between two it is a copy that is on disk before the original is removed: a crash in
the middle may leave a message in both queues, so that it is delivered twice; none is lost.
Claimed messages are not moved. What does not fit the limits of the target stays (65, 75).
Dead letters stay dead: `spoolq retry TARGET --all` makes them ready there.)";
  if (!command.parse(console)) return kExitDone;
  const std::string& target_argument = command.arguments()[1];
  const std::vector<std::string> ids{command.arguments().begin() + 2, command.arguments().end()};
  // By name also what is done; all means what there is still to do.
  if (!ids.empty() && !command.given(&selection.states)) selection.states.push_back(State::done);
  selection.require_none_claimed(command, "claimed messages are not moved");
  selection.require_ids_or_all(command, ids);
  Queue queue = open_queue(command.queue(), console);
  Queue target = open_queue(target_argument, console);
  if (queue.path() == target.path()) {
    throw Failure{kExitBadValue, fmt::format("mv: {} is the same queue", escape(target_argument))};
  }
  std::vector<MessageInfo> selected;
  if (ids.empty()) selected = select(queue, selection);
  if (dry_run) {
    for (const std::string& id : ids) {
      selected.push_back(find_message(queue, id, selection.states));
    }
    return print_ids(selected, console);
  }
  const Change move = [&](const auto& message, Sync sync) { queue.move(message, target, sync); };
  const Changed both = {&target, &queue};
  if (!ids.empty()) return change_named(console, queue, ids, selection.states, move, both);
  return change_selected(console, selected, move, both, "moved");
}

}  // namespace spoolq::cli
