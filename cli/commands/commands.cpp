// The table of commands, and finding one by its name.
#include "cli/commands/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <vector>

#include "cli/args/suggest.hpp"

namespace spoolq::cli {
namespace {

/// The words of each command.
std::vector<CommandWords> words_of(std::initializer_list<CommandFunction*> commands) {
  std::vector<CommandWords> all;
  Output nowhere{-1};
  Console console{.out = nowhere};
  for (CommandFunction* const run : commands) {
    Command command;
    run(command, console);
    command.run = run;
    all.push_back(static_cast<CommandWords&&>(command));
  }
  return all;
}

}  // namespace

const Sections& all_commands() {
  static const Sections all = {
      {"Start", words_of({init_command, config_command})},
      {"Send", words_of({put_command, adopt_command, import_command})},
      {"Take", words_of({take_command, work_command, ack_command, release_command, extend_command,
                         fail_command})},
      {"Look", words_of({ls_command, show_command, cat_command, peek_command, stats_command,
                         watch_command, wait_command})},
      {"Keep", words_of({retry_command, mv_command, export_command, rm_command, purge_command,
                         pause_command, resume_command, reap_command})},
      {"Other", words_of({version_command, help_command})}};
  return all;
}

const CommandWords* find_command(std::string_view name) {
  for (const auto& [heading, commands] : all_commands()) {
    for (const CommandWords& command : commands) {
      if (command.name == name || std::ranges::count(command.aliases, name) > 0) return &command;
    }
  }
  return nullptr;
}

const CommandWords& require_command(std::string_view name) {
  if (const CommandWords* command = find_command(name)) return *command;
  std::vector<std::string_view> names;
  std::string_view close;
  for (const auto& [heading, commands] : all_commands()) {
    for (const CommandWords& command : commands) {
      names.push_back(command.name);
      names.insert(names.end(), command.aliases.begin(), command.aliases.end());
      if (std::ranges::count(command.elsewhere, name) > 0) close = command.name;
    }
  }
  if (close.empty()) close = nearest(name, names);
  throw UsageError{fmt::format("no verb '{}'{}", escape(name),
                               close.empty() ? "" : fmt::format(". Did you mean '{}'?", close))};
}

}  // namespace spoolq::cli
