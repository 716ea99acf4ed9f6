// Where this checkout lies, and the programs that were built from it.
#pragma once

#include <string>

namespace spoolq::test {

/// The path of a file or folder of the source tree, given by its name below the root.
std::string source_path(const std::string& name);

/// The path of the spoolq program of this build. The environment variable SPOOLQ_PROGRAM overrides
/// it.
std::string program_path();

/// The path of the program that was built from the README.
std::string readme_program_path();

}  // namespace spoolq::test
