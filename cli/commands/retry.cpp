// spoolq retry: tries failed messages again.
#include <fmt/format.h>

#include "cli/args/queue_argument.hpp"
#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/selection.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"kick"};

constexpr OptionText kOptions[] = {
    {.name = "all", .help = "all failed messages; prints how many"},
    kCountOption,
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
};

constexpr Example kExamples[] = {
    {"spoolq retry jobs 97d0a11c", "try a failed message again"},
    {"spoolq retry jobs --all", "try all of them again"},
};

constexpr std::string_view kDetails =
    R"(The message is ready again, with no attempt counted and without its reason. One whose time to
live was over has none any more.
ID is a whole id, four or more of its first or last characters, the path of the message's file,
or @oldest or @newest.)";

struct RetryArguments {
  std::string queue;
  std::vector<std::string> ids;  ///< Empty: all that are selected.
  Selection selection;
};

RetryArguments parse_retry(const Parsed& parsed) {
  RetryArguments retry{parsed.queue(), parsed.rest(), parse_selection(parsed, {State::failed})};
  retry.selection.count = parsed.number("n", kCountMax).value_or(0);
  require_ids_or_all(parsed, retry.ids, retry.selection);
  return retry;
}

int run(const Parsed& parsed, Console& console) {
  const RetryArguments arguments = parse_retry(parsed);
  Queue queue = open_queue(arguments.queue, console);
  std::vector<MessageInfo> selected;
  if (arguments.ids.empty()) {
    selected = select(queue, arguments.selection);
    if (selected.empty()) return nothing_selected(console);
  }
  const Sync sync = sync_of_each(arguments.ids.size() + selected.size());
  Changes changes{console, [&](const MessageInfo& message) { queue.retry(message, sync); }};
  changes.change_named(queue, arguments.ids, arguments.selection.states);
  changes.change_all(selected);
  if (sync == Sync::none) changes.attempt([&] { queue.sync(); });
  if (arguments.ids.empty()) console.out.write(fmt::format("retried {}\n", changes.done()));
  return changes.code();
}

}  // namespace

const Command kRetryCommand{.name = "retry",
                            .aliases = kAliases,
                            .group = Group::keep,
                            .summary = "try failed messages again",
                            .usage = "Q ID...|--all",
                            .arguments_min = 1,
                            .arguments_max = kUnlimited,
                            .options = kOptions,
                            .examples = kExamples,
                            .details = kDetails,
                            .run = run};

}  // namespace spoolq::cli
