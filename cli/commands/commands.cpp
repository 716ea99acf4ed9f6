// Finding commands, and the words that they share.
#include "cli/commands/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "cli/args/suggest.hpp"

namespace spoolq::cli {
namespace {

struct Section {
  std::string_view heading;
  std::vector<CommandFunction*> commands;
};

const std::vector<Section>& sections() {
  static const std::vector<Section> all = {
      {"Start", {init_command, config_command}},
      {"Send", {put_command, adopt_command, import_command}},
      {"Take",
       {take_command, work_command, ack_command, release_command, extend_command, fail_command}},
      {"Look",
       {ls_command, show_command, cat_command, peek_command, stats_command, watch_command,
        wait_command}},
      {"Keep",
       {retry_command, mv_command, export_command, rm_command, purge_command, pause_command,
        resume_command, reap_command}},
      {"Other", {version_command, help_command}}};
  return all;
}

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

CommandWords words_of(CommandFunction* command) {
  Output nowhere{-1};
  Console console{.out = nowhere};
  Command described;
  command(described, console);
  return static_cast<CommandWords&&>(described);
}

Sections all_commands() {
  Sections all;
  for (const Section& section : sections()) {
    auto& words = all.emplace_back(section.heading, std::vector<CommandWords>{}).second;
    std::ranges::transform(section.commands, std::back_inserter(words), words_of);
  }
  return all;
}

CommandFunction* find_command(std::string_view name) {
  for (const Section& section : sections()) {
    for (CommandFunction* command : section.commands) {
      const CommandWords words = words_of(command);
      if (words.name == name || std::ranges::count(words.aliases, name) > 0) return command;
    }
  }
  return nullptr;
}

CommandFunction* require_command(std::string_view name) {
  if (CommandFunction* command = find_command(name)) return command;
  std::vector<std::string_view> names;
  for (const auto& [heading, commands] : all_commands()) {
    for (const CommandWords& command : commands) {
      names.push_back(command.name);
      names.insert(names.end(), command.aliases.begin(), command.aliases.end());
    }
  }
  std::string_view close = command_elsewhere_called(name);
  if (close.empty()) close = nearest(name, names);
  throw UsageError{fmt::format("no verb '{}'{}", escape(name),
                               close.empty() ? "" : fmt::format(". Did you mean '{}'?", close))};
}

}  // namespace spoolq::cli
