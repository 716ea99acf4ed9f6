// spoolq purge: removes many messages.
#include <fmt/format.h>
#include <unistd.h>

#include <array>

#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/selection.hpp"

namespace spoolq::cli {
namespace {

/// Whether the person at the terminal says yes.
bool confirmed(const std::string& question) {
  const std::string text = question + " [y/N] ";
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
  std::array<char, 64> answer{};
  const ssize_t size = ::read(STDIN_FILENO, answer.data(), answer.size());
  return size > 0 && (answer[0] == 'y' || answer[0] == 'Y');
}

}  // namespace

int purge_command(Command& command, Console& console) {
  Selection selection{.states = all_states()};
  bool force = false;
  bool dry_run = false;
  command.describe("purge", "remove many messages", "Q --state S|--all");
  selection.bind_states(command,
                        "those that are ready, claimed, delayed, failed or done; a list, or again");
  command.flag("--all", selection.all, "those in any state");
  selection.bind_filters(command);
  command.flag("--force", force, "do not ask; claimed messages too");
  command.flag("--dry-run", dry_run, "print the ids and remove nothing");
  command.excludes(&selection.states, &selection.all);
  command.example("spoolq purge jobs --state failed --older 7d --force", "old dead letters");
  command.example("spoolq purge jobs --state ready,delayed --dry-run",
                  "the ids of what would be removed");
  command.details =
      R"(Asks on a terminal; elsewhere --force is needed (64). Claimed messages are removed only with
--force: whoever holds one learns of it at the end. Prints how many were removed.)";
  if (!command.parse(console)) return kExitDone;
  if (!selection.all && !command.given(&selection.states))
    command.wrong_use("which messages? --state S, or --all", true);
  Queue queue = open_queue(command.queue(), console);
  const bool asks = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  if (!force && !dry_run && !asks) {
    command.wrong_use(
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
  const Change remove = [&](const auto& message, Sync sync) {
    queue.remove_claimed(message, sync);
  };
  return change_selected(console, selected, remove, {&queue}, "removed");
}

}  // namespace spoolq::cli
