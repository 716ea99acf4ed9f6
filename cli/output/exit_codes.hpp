// The exit codes of the program, and which error ends in which.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "spoolq/error.hpp"

namespace spoolq::cli {

/// The codes of sysexits.h where they fit; every command uses them in the same sense.
enum ExitCode : int {
  kExitDone = 0,
  kExitNo = 1,               ///< Queue empty, nothing matched.
  kExitUsage = 64,           ///< Unknown command or option, an argument is missing.
  kExitBadValue = 65,        ///< A value that cannot be, a damaged message, a payload too large.
  kExitNotFound = 66,        ///< No such queue, file or message.
  kExitPaused = 69,          ///< The queue is paused.
  kExitBug = 70,             ///< Something that cannot happen.
  kExitIndeterminate = 71,   ///< Visible, but perhaps not durable.
  kExitClaimLost = 72,       ///< The claim is not, or no longer, ours.
  kExitCannotCreate = 73,    ///< A queue or an output file cannot be made.
  kExitInputOutput = 74,     ///< Reading, writing or syncing failed.
  kExitRefusedForNow = 75,   ///< Nothing was written; the same may succeed later.
  kExitPermission = 77,      ///< Not allowed.
  kExitSettings = 78,        ///< A setting that cannot be, a format that is not known.
  kExitTimedOut = 124,       ///< A time limit ran out.
  kExitNotExecutable = 126,  ///< The command of `work` cannot be executed.
  kExitNoCommand = 127,      ///< The command of `work` was not found.
  kExitSignal = 128,         ///< Plus the signal's number.
};

/// The exit code for an error of the libraries or of the system.
ExitCode exit_code_of(const std::error_code& code);

/// The exit code for a program that cannot be started, by the errno of the exec.
ExitCode exit_code_of_start(int error);

/// "OPERATION PATH: REASON" with the path escaped, and what to do where that is known.
std::string describe(const Error& error);

/// Ends the program with a message and a code.
class Failure : public std::runtime_error {
 public:
  Failure(ExitCode code, const std::string& message) : std::runtime_error{message}, code_{code} {}
  explicit Failure(const Error& error) : Failure{exit_code_of(error.code()), describe(error)} {}
  [[nodiscard]] ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// Whether a path leads nowhere: a part of it is missing, no folder, too long, or a link to itself.
bool leads_nowhere(const std::error_code& code);

/// A failure of the system, reported as OPERATION PATH: REASON; its code follows from the errno.
Failure system_failure(int error, const std::string& operation, const std::string& path);
/// The file at `path` cannot be read. Reported as PATH: REASON.
Failure input_failure(int error, const std::string& path);
/// The file at `path` cannot be made or written: `before` PATH: REASON. What an errno says of
/// messages, such as "refused for now", does not hold here.
Failure output_failure(int error, const std::string& path, std::string_view before = {},
                       ExitCode otherwise = kExitInputOutput);

}  // namespace spoolq::cli
