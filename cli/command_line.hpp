// From the words of the command line to the command that they name.
#pragma once

#include <string>
#include <vector>

#include "cli/output/print.hpp"

namespace spoolq::cli {

/// Runs what follows the program's name; the exit code. Throws UsageError, Failure, and what the
/// command throws.
int run_command_line(const std::vector<std::string>& words, Console& console);

}  // namespace spoolq::cli
