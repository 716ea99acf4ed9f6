// Wrong use of the program.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace spoolq::cli {

/// Wrong use: unknown command or option, or an argument is missing. Ends in exit code 64.
class UsageError : public std::runtime_error {
 public:
  explicit UsageError(const std::string& message, std::string help = "help: spoolq help\n")
      : std::runtime_error{message}, help_{std::move(help)} {}
  /// What is printed after the message.
  [[nodiscard]] const std::string& help() const { return help_; }

 private:
  std::string help_;
};

}  // namespace spoolq::cli
