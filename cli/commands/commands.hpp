// The commands, each in a file of its own.
#pragma once

#include "cli/args/command.hpp"
#include "cli/args/common_options.hpp"
#include "cli/args/parsed.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"

namespace spoolq::cli {

extern const Command kInitCommand;
extern const Command kConfigCommand;
extern const Command kPutCommand;
extern const Command kAdoptCommand;
extern const Command kImportCommand;
extern const Command kTakeCommand;
extern const Command kWorkCommand;
extern const Command kAckCommand;
extern const Command kReleaseCommand;
extern const Command kExtendCommand;
extern const Command kFailCommand;
extern const Command kListCommand;
extern const Command kShowCommand;
extern const Command kCatCommand;
extern const Command kPeekCommand;
extern const Command kStatsCommand;
extern const Command kWatchCommand;
extern const Command kWaitCommand;
extern const Command kRetryCommand;
extern const Command kMoveCommand;
extern const Command kExportCommand;
extern const Command kRemoveCommand;
extern const Command kPurgeCommand;
extern const Command kPauseCommand;
extern const Command kResumeCommand;
extern const Command kReapCommand;
extern const Command kVersionCommand;
extern const Command kHelpCommand;

/// The largest -n.
inline constexpr std::size_t kCountMax = 1'000'000'000;

}  // namespace spoolq::cli
