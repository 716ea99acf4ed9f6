// Composing the help from the table of commands.
#include "cli/args/help.hpp"

#include <fmt/format.h>

#include <utility>

namespace spoolq::cli {
namespace {

std::string option_spelling(const OptionWords& option) {
  std::string text = option.spelling.starts_with("--") ? "    " : "";
  text += option.spelling;
  if (const std::size_t comma = text.find(','); comma != std::string::npos)
    text.insert(comma + 1, " ");
  if (option.value.empty()) return text;
  return text +
         fmt::format(fmt::runtime(option.value_if_bare.empty() ? " {}" : "[={}]"), option.value);
}

std::string option_lines(const std::vector<OptionWords>& options) {
  std::string text;
  for (const OptionWords& option : options) {
    text += fmt::format("  {:<22}  {}\n", option_spelling(option), option.help);
  }
  return text;
}

std::string example_lines(const std::vector<Example>& examples) {
  std::string text;
  for (const Example& example : examples) {
    text += fmt::format("  {}\n      {}\n", example.command, example.meaning);
  }
  return text;
}

std::string usage_line(const CommandWords& command) {
  return fmt::format("spoolq {}{}{}{}", command.name, command.options.empty() ? "" : " [OPTION...]",
                     command.usage.empty() ? "" : " ", command.usage);
}

std::string head(const CommandWords& command) {
  std::string text = fmt::format("spoolq {}: {}", command.name, command.summary);
  if (!command.aliases.empty())
    text += fmt::format(" (also: {})", fmt::join(command.aliases, ", "));
  text += "\n\n" + example_lines(command.examples);
  text += fmt::format("\nUsage: {}\n", usage_line(command));
  if (!command.options.empty()) text += "\n" + option_lines(command.options);
  return text;
}

constexpr std::string_view kProgramExamples =
    "  spoolq init jobs                   make a queue in the folder jobs\n"
    "  spoolq put jobs cat.jpg            put a file into it\n"
    "  spoolq take jobs > next            take the next message\n"
    "  spoolq ls jobs                     look at what is there\n";

std::string command_lines(const Sections& sections) {
  std::string text;
  for (const auto& [heading, commands] : sections) {
    text += fmt::format("{}\n", heading);
    for (const CommandWords& each : commands) {
      text += fmt::format("  {:<8}  {}\n", each.name, each.summary);
    }
  }
  return text;
}

constexpr std::string_view kProgramDetails =
    R"(The queue comes first after the verb (with adopt and import, after the folder): a path; a bare word
that is no path here and stands under $SPOOLQ_ROOT is that one; @ is $SPOOLQ_QUEUE. Options stand in
any order; -- ends them.

A message is named by its id, by four or more of the id's first or last characters, or by @oldest
or @newest. Durations are written 250ms 10s 5m 1h 7d (a bare number is seconds), sizes 64K 64M 1G,
times as in RFC 3339 or as +10m.

Exit codes
    0  done
    1  no: the queue is empty, nothing matched
   64  wrong use
   65  a value that cannot be, a damaged message, a payload that is too large
   66  no such queue, file or message
   69  the queue is paused
   70  a fault in spoolq
   71  indeterminate: the message is visible, but perhaps not durable
   72  the claim is lost, or somebody else's
   73  cannot create a queue or a file
   74  input or output failed
   75  refused for now: there is no room
   77  not permitted
   78  a setting that cannot be
  124  the time of --timeout is over
  126  the command of work cannot be executed; 127: it was not found
  128  plus the number of the signal that ended it

Environment
  SPOOLQ_ROOT, SPOOLQ_QUEUE     where queues are, see above
  SPOOLQ_POLL                   1: look at the folders every 500 ms instead of being told by
                                inotify, for file systems where that does not tell all
  NO_COLOR, CLICOLOR_FORCE      no colour; colour everywhere
)";

}  // namespace

std::string short_help(const CommandWords& command) {
  return head(command) + fmt::format("\nMore: spoolq {} --help\n", command.name);
}

std::string full_help(const CommandWords& command) {
  std::string text = head(command);
  if (!command.details.empty()) text += fmt::format("\n{}\n", command.details);
  text += "\nCommon options\n" + option_lines(command.common_options);
  return text + "\nExit codes and the spelling of queues, ids and durations: spoolq --help\n";
}

std::string short_program_help(const Sections& sections) {
  return fmt::format("{}\n{}\nMore: spoolq --help, spoolq VERB -h\n", kProgramExamples,
                     command_lines(sections));
}

std::string full_program_help(const Sections& sections) {
  return fmt::format(
      "spoolq: a message queue made of plain files\n\n{}\nUsage: spoolq VERB [OPTION...] "
      "ARGUMENT...\n\n{}\n{}\nCommon options\n{}\nMore: spoolq help VERB\n",
      kProgramExamples, command_lines(sections), kProgramDetails,
      option_lines(Command{}.common_options));
}

std::string usage_with_example(const CommandWords& command) {
  return fmt::format("usage: {}\nfor example: {}\n", usage_line(command),
                     command.examples.front().command);
}

}  // namespace spoolq::cli
