// Wrong use of the program.
#pragma once

#include <stdexcept>
#include <string>

#include "cli/args/command.hpp"

namespace spoolq::cli {

/// Wrong use: unknown command or option, or an argument is missing. Ends in exit code 64.
class UsageError : public std::runtime_error {
 public:
  UsageError(const std::string& message, const Command* command, bool missing = false)
      : std::runtime_error{message}, command_{command}, missing_{missing} {}
  /// The command whose usage helps, or nullptr.
  [[nodiscard]] const Command* command() const { return command_; }
  /// Something is missing, so the usage and an example help most.
  [[nodiscard]] bool missing() const { return missing_; }

 private:
  const Command* command_;
  bool missing_;
};

}  // namespace spoolq::cli
