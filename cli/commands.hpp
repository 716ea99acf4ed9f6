// The verbs: each is given what was asked for and returns the exit code.
#pragma once

#include "cli/arguments.hpp"
#include "cli/print.hpp"

namespace spoolq::cli {

// Sending.
int run(const PutArguments& arguments, Console& console);
int run(const AdoptArguments& arguments, Console& console);
int run(const ImportArguments& arguments, Console& console);
// Taking.
int run(const TakeArguments& arguments, Console& console);
int run(const WorkArguments& arguments, Console& console);
// Held claims.
int run(const AckArguments& arguments, Console& console);
int run(const ReleaseArguments& arguments, Console& console);
int run(const ExtendArguments& arguments, Console& console);
int run(const FailArguments& arguments, Console& console);
// Looking.
int run(const ListArguments& arguments, Console& console);
int run(const ShowArguments& arguments, Console& console);
int run(const CatArguments& arguments, Console& console);
int run(const PeekArguments& arguments, Console& console);
int run(const StatsArguments& arguments, Console& console);
int run(const WatchArguments& arguments, Console& console);
int run(const WaitArguments& arguments, Console& console);
// Messages by hand.
int run(const RetryArguments& arguments, Console& console);
int run(const MoveArguments& arguments, Console& console);
int run(const ExportArguments& arguments, Console& console);
int run(const RemoveArguments& arguments, Console& console);
int run(const PurgeArguments& arguments, Console& console);
// Keeping.
int run(const InitArguments& arguments, Console& console);
int run(const ConfigArguments& arguments, Console& console);
int run(const PauseArguments& arguments, Console& console);
int run(const ResumeArguments& arguments, Console& console);
int run(const ReapArguments& arguments, Console& console);
int run(const VersionArguments& arguments, Console& console);
int run(const HelpArguments& arguments, Console& console);

}  // namespace spoolq::cli
