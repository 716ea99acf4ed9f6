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
    {.name = "state",
     .value = "S",
     .help = "only those that are ready, delayed, failed or done; a list, or again"},
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

struct MoveArguments {
  std::string queue;
  std::string target;
  std::vector<std::string> ids;  ///< Empty: all that are selected.
  Selection selection;
  bool dry_run = false;
};

MoveArguments parse_move(const Parsed& parsed) {
  MoveArguments move;
  move.queue = parsed.queue();
  move.target = parsed.arguments()[1];
  move.ids = {parsed.arguments().begin() + 2, parsed.arguments().end()};
  move.dry_run = parsed.flag("dry-run");
  // By name also what is done; all means what there is still to do.
  std::vector<State> states{State::ready, State::delayed, State::failed};
  if (!move.ids.empty()) states.push_back(State::done);
  move.selection = parse_selection(parsed, parse_states(parsed, states));
  move.selection.count = parsed.number("n", kCountMax).value_or(0);
  if (move.selection.has(State::claimed)) {
    parsed.bad_value("state", "claimed", "claimed messages are not moved");
  }
  require_ids_or_all(parsed, move.ids, move.selection);
  return move;
}

int run(const Parsed& parsed, Console& console) {
  const MoveArguments arguments = parse_move(parsed);
  Queue queue = open_queue(arguments.queue, console);
  Queue target = open_queue(arguments.target, console);
  if (queue.path() == target.path()) {
    throw Failure{kExitBadValue, fmt::format("mv: {} is the same queue", escape(arguments.target))};
  }
  std::vector<MessageInfo> selected;
  if (arguments.ids.empty()) selected = select(queue, arguments.selection);
  if (arguments.dry_run) {
    for (const std::string& id : arguments.ids) {
      selected.push_back(find_message(queue, id, arguments.selection.states));
    }
    return print_ids(selected, console);
  }
  if (arguments.ids.empty() && selected.empty()) return nothing_selected(console);
  const Sync sync = sync_of_each(arguments.ids.size() + selected.size());
  Changes changes{console, [&](const MessageInfo& message) { queue.move(message, target, sync); }};
  changes.change_named(queue, arguments.ids, arguments.selection.states);
  changes.change_all(selected);
  if (sync == Sync::none) {
    changes.attempt([&] {
      target.sync();
      queue.sync();
    });
  }
  if (arguments.ids.empty()) console.out.write(fmt::format("moved {}\n", changes.done()));
  return changes.code();
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
