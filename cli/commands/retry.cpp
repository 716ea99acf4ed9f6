// spoolq retry: tries failed messages again.
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

int run(const Parsed& parsed, Console& console) {
  const auto ids = parsed.rest();
  Selection selection = parse_selection(parsed, {State::failed});
  selection.count = parsed.number("n", kCountMax).value_or(0);
  require_ids_or_all(parsed, ids, selection);
  Queue queue = open_queue(parsed.queue(), console);
  const Change retry{.one = [&](const auto& message, Sync sync) { queue.retry(message, sync); },
                     .sync = [&] { queue.sync(); }};
  if (!ids.empty()) return change_named(console, queue, ids, selection.states, retry);
  return change_selected(console, select(queue, selection), retry, "retried");
}

}  // namespace

const Command kRetryCommand{.name = "retry",
                            .aliases = kAliases,
                            .group = Group::keep,
                            .summary = "try failed messages again",
                            .usage = "Q ID...|--all",
                            .arguments_max = kUnlimited,
                            .options = kOptions,
                            .examples = kExamples,
                            .details = kDetails,
                            .run = run};

}  // namespace spoolq::cli
