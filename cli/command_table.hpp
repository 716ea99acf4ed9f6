// All commands, in the order of the help.
#pragma once

#include "cli/args/command.hpp"

namespace spoolq::cli {

Commands all_commands();

}  // namespace spoolq::cli
