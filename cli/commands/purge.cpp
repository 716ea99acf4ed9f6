// spoolq purge: removes many messages.
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
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

/// Whether the person at the terminal says yes.
bool confirmed(const std::string& question) {
  const std::string text = question + " [y/N] ";
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  std::array<char, 64> answer{};
  const ssize_t size = ::read(STDIN_FILENO, answer.data(), answer.size());
  return size > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

int run(const Parsed& parsed, Console& console) {
  const bool force = parsed.flag("force");
  const bool dry_run = parsed.flag("dry-run");
  const Selection selection = parse_selection(parsed, parse_states(parsed, all_states()));
  const bool all = parsed.flag("all");
  const bool states = parsed.flag("state");
  if (all && states) parsed.wrong_use("--state and --all exclude each other");
  if (!all && !states) parsed.wrong_use("which messages? --state S, or --all", true);
  Queue queue = open_queue(parsed.queue(), console);
  const bool asks = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  if (!force && !dry_run && !asks) {
    parsed.wrong_use(
        "it removes messages for good; where nobody can be asked, --force says that this is meant");
  }
  std::vector<MessageInfo> selected = select(queue, selection);
  if (!force) {
    const std::size_t claimed = std::erase_if(
        selected, [](const MessageInfo& message) { return message.state == State::claimed; });
    if (claimed > 0) {
      console.complain(fmt::format("{} claimed messages stay; --force removes them too", claimed));
    }
  }
  if (dry_run) return print_ids(selected, console);
  const auto question = [&] {
    return fmt::format("Remove {} message{} from {} for good?", selected.size(),
                       selected.size() == 1 ? "" : "s", escape(queue.path()));
  };
  if (!force && !selected.empty() && !confirmed(question())) return kExitNo;
  const Change remove{
      .one = [&](const auto& message, Sync sync) { queue.remove_claimed(message, sync); },
      .sync = [&] { queue.sync(); }};
  return change_selected(console, selected, remove, "removed");
}

}  // namespace

const Command kPurgeCommand{.name = "purge",
                            .group = Group::keep,
                            .summary = "remove many messages",
                            .usage = "Q --state S|--all",
                            .options = kOptions,
                            .examples = kExamples,
                            .details = kDetails,
                            .run = run};

}  // namespace spoolq::cli
