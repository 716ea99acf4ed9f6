// Help: short with examples first, full, and what is said after a wrong use.
#pragma once

#include <string>

#include "cli/args/command.hpp"

namespace spoolq::cli {

std::string short_help(const Command& command);
std::string full_help(const Command& command);
std::string short_program_help(Commands commands);
std::string full_program_help(Commands commands);
/// The usage line of a command and its first example.
std::string usage_with_example(const Command& command);

}  // namespace spoolq::cli
