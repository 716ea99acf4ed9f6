// Finding commands, and the words that they share.
#include "cli/args/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cli/args/common_options.hpp"
#include "cli/args/suggest.hpp"
#include "cli/args/usage_error.hpp"
#include "cli/output/print.hpp"

namespace spoolq::cli {
namespace {

/// Words that people bring from other queues, and the command that does it here.
std::string_view command_elsewhere_called(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kNames{{
      {"create", "init"},  {"new", "init"},     {"add", "put"},       {"enqueue", "put"},
      {"publish", "put"},  {"push", "put"},     {"write", "put"},     {"consume", "take"},
      {"dequeue", "take"}, {"get", "take"},     {"next", "take"},     {"pop", "take"},
      {"receive", "take"}, {"reserve", "take"}, {"commit", "ack"},    {"delete", "rm"},
      {"remove", "rm"},    {"reject", "fail"},  {"redrive", "retry"}, {"requeue", "retry"},
      {"list", "ls"},      {"count", "stats"},  {"status", "stats"},  {"info", "stats"},
  }};
  for (const auto& [word, command] : kNames) {
    if (word == name) return command;
  }
  return {};
}

}  // namespace

std::span<const OptionText> common_options() { return kCommonOptions; }

const Command* find_command(Commands commands, std::string_view name) {
  for (const Command* command : commands) {
    if (command->name == name || std::ranges::count(command->aliases, name) > 0) return command;
  }
  return nullptr;
}

const Command& require_command(Commands commands, std::string_view name) {
  if (const Command* command = find_command(commands, name)) return *command;
  std::vector<std::string_view> names;
  for (const Command* command : commands) {
    names.push_back(command->name);
    names.insert(names.end(), command->aliases.begin(), command->aliases.end());
  }
  std::string_view close = command_elsewhere_called(name);
  if (close.empty()) close = nearest(name, names);
  throw UsageError{fmt::format("no verb '{}'{}", escape(name),
                               close.empty() ? "" : fmt::format(". Did you mean '{}'?", close)),
                   nullptr};
}

}  // namespace spoolq::cli
