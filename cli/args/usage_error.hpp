// Wrong use of the program.
#pragma once

#include <stdexcept>
#include <string>

#include "cli/args/command.hpp"

namespace spoolq::cli {

/// Wrong use: unknown verb or option, or an argument is missing. Ends in exit code 64.
class UsageError : public std::runtime_error {
 public:
  UsageError(const std::string& message, const VerbText* verb, bool missing = false)
      : std::runtime_error{message}, verb_{verb}, missing_{missing} {}
  /// The verb whose usage helps, or nullptr.
  [[nodiscard]] const VerbText* verb() const { return verb_; }
  /// Something is missing, so the usage and an example help most.
  [[nodiscard]] bool missing() const { return missing_; }

 private:
  const VerbText* verb_;
  bool missing_;
};

}  // namespace spoolq::cli
