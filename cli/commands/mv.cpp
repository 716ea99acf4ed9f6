// spoolq mv: moves messages into another queue.
#include <fmt/format.h>

#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/selection.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {
    {.name = "all", .help = "all that are ready, delayed or failed; prints how many"},
    kCountOption,
    kNotClaimedOption,
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
    {.name = "dry-run", .help = "print the ids and move nothing"},
};

constexpr Example kExamples[] = {
    {"spoolq mv jobs mail 97d0a11c", "one message from jobs to mail"},
    {"spoolq mv jobs mail --all --state failed", "all dead letters, which stay failed there"},
    {"spoolq mv jobs mail --all --key user/7", "all with that key"},
};

constexpr std::string_view kDetails =
    R"(A message keeps its id, its state and all that was said of it. On one file system the move is
a rename. Between two it is a copy that is on disk before the original is removed: a crash in
the middle may leave a message in both queues, so that it is delivered twice; none is lost.
Claimed messages are not moved. What does not fit the limits of the target stays (65, 75).
Dead letters stay dead: `spoolq retry TARGET --all` makes them ready there.)";

int run(const Parsed& parsed, Console& console) {
  const std::string& target_argument = parsed.arguments()[1];
  const std::vector<std::string> ids{parsed.arguments().begin() + 2, parsed.arguments().end()};
  // By name also what is done; all means what there is still to do.
  std::vector<State> states{State::ready, State::delayed, State::failed};
  if (!ids.empty()) states.push_back(State::done);
  Selection selection = parse_selection(parsed, parse_states(parsed, states));
  selection.count = parsed.number("n", kCountMax).value_or(0);
  if (selection.has(State::claimed)) {
    parsed.bad_value("state", "claimed", "claimed messages are not moved");
  }
  require_ids_or_all(parsed, ids, selection);
  Queue queue = open_queue(parsed.queue(), console);
  Queue target = open_queue(target_argument, console);
  if (queue.path() == target.path()) {
    throw Failure{kExitBadValue, fmt::format("mv: {} is the same queue", escape(target_argument))};
  }
  std::vector<MessageInfo> selected;
  if (ids.empty()) selected = select(queue, selection);
  if (parsed.flag("dry-run")) {
    for (const std::string& id : ids) {
      selected.push_back(find_message(queue, id, selection.states));
    }
    return print_ids(selected, console);
  }
  const auto sync_both = [&] {
    target.sync();
    queue.sync();
  };
  const Change move{
      .one = [&](const auto& message, Sync sync) { queue.move(message, target, sync); },
      .sync = sync_both};
  if (!ids.empty()) return change_named(console, queue, ids, selection.states, move);
  return change_selected(console, selected, move, "moved");
}

}  // namespace

const Command kMoveCommand{.name = "mv",
                           .group = Group::keep,
                           .summary = "move messages into another queue",
                           .usage = "Q TARGET ID...|--all",
                           .arguments_min = 2,
                           .arguments_max = kUnlimited,
                           .options = kOptions,
                           .examples = kExamples,
                           .details = kDetails,
                           .run = run};

}  // namespace spoolq::cli
