// Errors of a command that goes on after them.
#pragma once

#include <string>
#include <system_error>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"

namespace spoolq::cli {

/// Prints errors, and keeps the exit code of the first.
class ErrorReport {
 public:
  explicit ErrorReport(const Console& console) : console_{console} {}

  void add(const std::string& text, ExitCode code) {
    console_.complain(text);
    if (code_ == kExitDone) code_ = code;
  }
  void add(const Failure& failure) { add(failure.what(), failure.code()); }

  /// Takes a step and adds the Failure or Error that it throws, with `about` before it. Returns the
  /// code of an Error.
  template <typename Step>
  std::error_code attempt(const Step& step, const std::string& about = {}) {
    try {
      step();
    } catch (const Failure& failure) {
      add(about + failure.what(), failure.code());
    } catch (const Error& error) {
      add(about + describe(error), exit_code_of(error.code()));
      return error.code();
    }
    return {};
  }

  /// The code of the first error, or kExitDone.
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  const Console& console_;
  ExitCode code_ = kExitDone;
};

}  // namespace spoolq::cli
