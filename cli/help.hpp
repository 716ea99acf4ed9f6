// Help: short with examples first, full, and what is said after a wrong use.
#pragma once

#include <string>

#include "cli/verbs.hpp"

namespace spoolq::cli {

std::string short_help(const VerbText& verb);
std::string full_help(const VerbText& verb);
std::string short_program_help();
std::string full_program_help();
/// The usage line of a verb and its first example.
std::string usage_with_example(const VerbText& verb);

}  // namespace spoolq::cli
