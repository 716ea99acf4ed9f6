// What is done with one message: run its job, and finish the message by how the job ended.
#pragma once

#include <sys/resource.h>

#include <atomic>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "cli/files/file.hpp"
#include "cli/files/output_directory.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/worker/arguments.hpp"
#include "cli/worker/command.hpp"
#include "cli/worker/counts.hpp"
#include "cli/worker/job.hpp"
#include "cli/worker/job_log.hpp"
#include "cli/worker/log.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {

/// handle() may be called by several threads at once, the others by any.
class Worker {
 public:
  /// `stop` makes the worker take nothing more. Opens and checks all that the jobs need; throws
  /// Failure before anything is taken.
  Worker(const WorkArguments& arguments, Queue queue, WorkLog& log, std::function<void()> stop);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() = default;

  /// Runs the message's job and finishes the claim. Throws when that was not possible: then the
  /// claim is still held.
  void handle(Claim& claim);

  /// Kills the jobs that run, starts no more, and gives their messages back uncounted.
  void abort();
  /// Jobs that run come to their end, but what can only wait for something does so no longer.
  void hurry();
  /// So many messages as --max-messages allows have been begun.
  [[nodiscard]] bool has_enough() const;
  /// Messages that were handed to handle(), and not damaged.
  [[nodiscard]] std::uint64_t begun() const { return begun_; }
  [[nodiscard]] const WorkCounts& counts() const { return counts_; }

  /// The exit code that a job or a failure asks for. Throws what made it impossible to go on.
  [[nodiscard]] ExitCode exit_code();

 private:
  struct Run;
  bool begin();
  void work_on(Claim& claim);
  JobEnd run_job_of(Claim& claim, Run& run);
  bool renew(Claim& claim);
  void warn_no_proc();
  void note_job(const Claim& claim, const Run& run, const JobEnd& end);
  // These finish the claim, and return what is to be told of it.

  WorkEvent finish(Claim& claim, Run& run, const JobEnd& end);
  void hand_over(Claim& claim);
  [[nodiscard]] bool pause_before_again(Duration pause);
  WorkEvent succeed(Claim& claim, Run& run, const JobEnd& end);
  WorkEvent fail(Claim& claim, const Run& run, const JobEnd& end, bool for_good);
  WorkEvent retry(Claim& claim, const Reason& reason, const JobEnd& end);
  WorkEvent give_back(Claim& claim, const JobEnd& end, const std::string& why);
  void give_back_after(std::exception_ptr error, Claim& claim);
  void stop_with(ExitCode code, std::exception_ptr error = {});
  [[nodiscard]] unsigned attempts_max() const;
  [[nodiscard]] std::optional<Duration> renewal() const;

  const WorkArguments& arguments_;
  Queue queue_;
  WorkLog& log_;
  std::function<void()> stop_;
  WorkCommand command_;
  std::optional<Queue> target_;
  std::optional<OutputDirectory> output_;
  std::optional<JobLog> job_log_;
  struct rlimit descriptors_{};
  File abort_event_;
  File hurry_event_;
  WorkCounts counts_;
  std::atomic<std::uint64_t> begun_{0};
  std::atomic<bool> aborted_{false};
  std::atomic<bool> no_proc_told_{false};
  std::atomic<bool> job_log_failed_{false};
  std::mutex mutex_;
  ExitCode exit_code_ = kExitDone;
  std::exception_ptr error_;
};

}  // namespace spoolq::cli
