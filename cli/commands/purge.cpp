// spoolq purge: removes many messages.
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "cli/args/queue_argument.hpp"
#include "cli/args/usage_error.hpp"
#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/selection.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {
    {.name = "state",
     .value = "S",
     .help = "those that are ready, claimed, delayed, failed or done; a list, or again"},
    {.name = "all", .help = "those in any state"},
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
    {.name = "force", .help = "do not ask; claimed messages too"},
    {.name = "dry-run", .help = "print the ids and remove nothing"},
};

constexpr Example kExamples[] = {
    {"spoolq purge jobs --state failed --older 7d --force", "old dead letters"},
    {"spoolq purge jobs --state ready,delayed --dry-run", "the ids of what would be removed"},
};

constexpr std::string_view kDetails =
    R"(Asks on a terminal; elsewhere --force is needed (64). Claimed messages are removed only with
--force: whoever holds one learns of it at the end. Prints how many were removed.)";

struct PurgeArguments {
  std::string queue;
  Selection selection;
  bool force = false;
  bool dry_run = false;
};

PurgeArguments parse_purge(const Parsed& parsed) {
  PurgeArguments purge;
  purge.queue = parsed.queue();
  purge.force = parsed.flag("force");
  purge.dry_run = parsed.flag("dry-run");
  purge.selection =
      parse_selection(parsed, parse_states(parsed, {State::ready, State::claimed, State::delayed,
                                                    State::failed, State::done}));
  const bool all = parsed.flag("all");
  const bool states = parsed.flag("state");
  if (all && states) parsed.wrong_use("--state and --all exclude each other");
  if (!all && !states) parsed.wrong_use("which messages? --state S, or --all", true);
  return purge;
}

/// Whether the person at the terminal says yes.
bool confirmed(const std::string& question) {
  const std::string text = question + " [y/N] ";
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  std::array<char, 64> answer{};
  const ssize_t size = ::read(STDIN_FILENO, answer.data(), answer.size());
  return size > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

int run(const Parsed& parsed, Console& console) {
  const PurgeArguments arguments = parse_purge(parsed);
  Queue queue = open_queue(arguments.queue, console);
  const bool asks = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  if (!arguments.force && !arguments.dry_run && !asks) {
    throw UsageError{
        "purge: it removes messages for good; where nobody can be asked, --force says "
        "that this is meant",
        &parsed.command()};
  }
  std::vector<MessageInfo> selected = select(queue, arguments.selection);
  if (!arguments.force) {
    const std::size_t claimed = std::erase_if(
        selected, [](const MessageInfo& message) { return message.state == State::claimed; });
    if (claimed > 0) {
      console.complain(fmt::format("{} claimed messages stay; --force removes them too", claimed));
    }
  }
  if (arguments.dry_run) return print_ids(selected, console);
  if (selected.empty()) return nothing_selected(console);
  const auto question = [&] {
    return fmt::format("Remove {} message{} from {} for good?", selected.size(),
                       selected.size() == 1 ? "" : "s", escape(queue.path()));
  };
  if (!arguments.force && !confirmed(question())) return kExitNo;
  const Sync sync = sync_of_each(selected.size());
  Changes changes{console,
                  [&](const MessageInfo& message) { queue.remove_claimed(message, sync); }};
  changes.change_all(selected);
  if (sync == Sync::none) changes.attempt([&] { queue.sync(); });
  console.out.write(fmt::format("removed {}\n", changes.done()));
  return changes.code();
}

}  // namespace

const Command kPurgeCommand{.name = "purge",
                            .group = Group::keep,
                            .summary = "remove many messages",
                            .usage = "Q --state S|--all",
                            .arguments_min = 1,
                            .arguments_max = 1,
                            .options = kOptions,
                            .examples = kExamples,
                            .details = kDetails,
                            .run = run};

}  // namespace spoolq::cli
