// The table of commands, each of which has a file of its own, and what nearly all of them need.
#pragma once

#include <string_view>

#include "cli/args/command.hpp"
#include "cli/args/help.hpp"
#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"

namespace spoolq::cli {

CommandFunction init_command, config_command, put_command, adopt_command, import_command,
    take_command, work_command, ack_command, release_command, extend_command, fail_command,
    ls_command, show_command, cat_command, peek_command, stats_command, watch_command, wait_command,
    retry_command, mv_command, export_command, rm_command, purge_command, pause_command,
    resume_command, reap_command, version_command, help_command;

/// All commands, in the order of the help.
const Sections& all_commands();
/// The command of that name or alias, or nullptr.
const CommandWords* find_command(std::string_view name);
/// The same. Throws UsageError, with what may be meant, when there is none.
const CommandWords& require_command(std::string_view name);

inline constexpr std::string_view kIdDetails =
    R"(ID is a whole id, four or more of its first or last characters, the path of the message's file,
or @oldest or @newest of those that are not done.)";

}  // namespace spoolq::cli
