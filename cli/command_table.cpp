// The table of commands.
#include "cli/command_table.hpp"

#include <array>

#include "cli/commands/commands.hpp"

namespace spoolq::cli {

Commands all_commands() {
  static constexpr std::array kCommands{
      &kInitCommand,   &kConfigCommand,  &kPutCommand,   &kAdoptCommand,   &kImportCommand,
      &kTakeCommand,   &kWorkCommand,    &kAckCommand,   &kReleaseCommand, &kExtendCommand,
      &kFailCommand,   &kListCommand,    &kShowCommand,  &kCatCommand,     &kPeekCommand,
      &kStatsCommand,  &kWatchCommand,   &kWaitCommand,  &kRetryCommand,   &kMoveCommand,
      &kExportCommand, &kRemoveCommand,  &kPurgeCommand, &kPauseCommand,   &kResumeCommand,
      &kReapCommand,   &kVersionCommand, &kHelpCommand};
  return kCommands;
}

}  // namespace spoolq::cli
