// One job from its start to its end.
#pragma once

#include <sys/resource.h>

#include <functional>
#include <optional>
#include <string>

#include "cli/output/work_event.hpp"
#include "cli/worker/command.hpp"
#include "cli/worker/error_output.hpp"
#include "spoolq/consumer.hpp"
#include "spoolq/message.hpp"

namespace spoolq::cli {

/// How a job is run.
struct JobSetup {
  const PreparedCommand& command;
  int input = -1;                              ///< The payload.
  ClaimHolder* holder = nullptr;               ///< Launch::holder.
  int output = -1;                             ///< What its standard output is.
  const struct rlimit* descriptors = nullptr;  ///< Launch::descriptors.
  std::optional<Duration> timeout{};           ///< SIGTERM after this …
  Duration grace{0};                           ///< … and SIGKILL after this again.
  int abort = -1;                              ///< A descriptor; readable: kill the job at once.
  std::optional<Duration> renewal{};           ///< How often `renew` is called while the job runs.
  /// Keeps the claim; false when it is lost: then the job is killed.
  std::function<bool()> renew{};
  /// Told what the end of the job waits for.
  std::function<void(const std::string&)> warn{};
  /// The same, when /proc cannot be read.
  std::function<void()> warn_no_proc{};
};

/// How a job ended.
struct JobEnd {
  enum class Kind {
    exited,        ///< `value` is the exit code.
    killed,        ///< `value` is the signal.
    timed_out,     ///< It ran longer than its timeout, however it ended then.
    aborted,       ///< Killed because `abort` became readable.
    claim_lost,    ///< Killed because `renew` said so.
    not_started,   ///< The program cannot be executed; `value` is the errno.
    unsupervised,  ///< Its supervisor was killed, and the job with it.
  };
  Kind kind = Kind::exited;
  int value = 0;
  Duration runtime{0};

  /// As timeout(1) gives it for a job that ran too long.
  [[nodiscard]] std::optional<int> exit_code() const;
};

/// Runs a job, and waits until nothing of it is left; call error_output.finish() then. Throws
/// std::system_error when no process can be made: nothing has been run then.
JobEnd run_job(const JobSetup& setup, ErrorOutput& error_output);

/// How a failed job ended, in words: "exit code 3", "killed by signal 9 (KILL)".
std::string describe(const JobEnd& end, const std::optional<Duration>& timeout);

/// What is told of a job's end: `event` happened to the message.
WorkEvent event_of_end(std::string_view event, const MessageInfo& message, const JobEnd& end,
                       LogLevel level, const std::string& text);

}  // namespace spoolq::cli
