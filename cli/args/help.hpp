// Help: short with examples first, full, and what is said after a wrong use.
#pragma once

#include <string>

#include "cli/args/command.hpp"

namespace spoolq::cli {

std::string short_help(const VerbText& verb);
std::string full_help(const VerbText& verb);
std::string short_program_help(Commands commands);
std::string full_program_help(Commands commands);
/// The usage line of a verb and its first example.
std::string usage_with_example(const VerbText& verb);

}  // namespace spoolq::cli
