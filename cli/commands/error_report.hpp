// Errors of a command that goes on after them.
#pragma once

#include <string>

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

  /// Takes a step and adds the Failure or Error that it throws, with `about` before it. False for
  /// an error that the next step would meet too: a full queue, or a disk that fails.
  template <typename Step>
  bool attempt(const Step& step, const std::string& about = {}) {
    try {
      step();
    } catch (const Failure& failure) {
      add(about + failure.what(), failure.code());
    } catch (const Error& error) {
      const ExitCode code = exit_code_of(error.code());
      add(about + describe(error), code);
      return code != kExitInputOutput && error.code() != errc::queue_full;
    }
    return true;
  }

  /// The code of the first error, or kExitDone.
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  const Console& console_;
  ExitCode code_ = kExitDone;
};

}  // namespace spoolq::cli
