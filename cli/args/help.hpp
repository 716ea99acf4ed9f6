// Help: short with examples first, full, and what is said after a wrong use.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/args/command.hpp"

namespace spoolq::cli {

/// The commands below each heading of the program's help.
using Sections = std::vector<std::pair<std::string_view, std::vector<CommandWords>>>;

std::string short_help(const CommandWords& command);
std::string full_help(const CommandWords& command);
std::string short_program_help(const Sections& sections);
std::string full_program_help(const Sections& sections);
/// The usage line of a command and its first example.
std::string usage_with_example(const CommandWords& command);

}  // namespace spoolq::cli
