// What is done with one message.
//
// | the job ended with          | the message                                                     |
// |-----------------------------|-----------------------------------------------------------------|
// | 0, 99                       | is done; after 99 the worker stops                              |
// | 65, 100                     | is failed at once                                               |
// | 126, 127, or cannot start   | is given back uncounted, the worker stops with that code        |
// | another code, a signal, the | is tried again after the backoff, or failed at the maximum of   |
// | timeout                     | attempts                                                        |
// | killed by our second signal | is given back uncounted                                         |
#include "cli/worker/worker.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <system_error>
#include <utility>

#include "cli/args/queue_argument.hpp"
#include "cli/output/print.hpp"
#include "cli/output/units.hpp"
#include "cli/worker/preconditions.hpp"
#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

constexpr int kDoneAndStop = 99;
constexpr int kBadMessage = 65;    // EX_DATAERR of sysexits.h.
constexpr int kFailForGood = 100;  // As for qmail.
/// How often a finished message that waits for a place in the next queue is tried again, and how
/// long.
constexpr Duration kHandOverPause{500};
constexpr Duration kHandOverPatience = std::chrono::minutes{1};
/// A claim is renewed this many times in its lease.
constexpr int kRenewalsPerLease = 3;

/// Tells the library that the claim is still held. It tries to give it back once more, and again
/// later.
struct NotFinished : std::exception {
  [[nodiscard]] const char* what() const noexcept override {
    return "the message could not be finished or given back";
  }
};

WorkEvent warning(std::string_view event, const MessageInfo* message, std::string text) {
  return {.level = LogLevel::warning, .event = event, .message = message, .text = std::move(text)};
}

bool is_exit(const JobEnd& end, std::initializer_list<int> codes) {
  return end.kind == JobEnd::Kind::exited && std::ranges::count(codes, end.value) > 0;
}

}  // namespace

/// What one run of a job has besides its claim.
struct Worker::Run {
  explicit Run(WorkLog& log, const MessageInfo& message) : error_output{log, message} {}
  ErrorOutput error_output;
  std::optional<NewFile> output;
  std::vector<std::string> command;
  Time started = now();
};

Worker::Worker(const WorkArguments& arguments, Queue queue, WorkLog& log,
               std::function<void()> stop)
    : arguments_{arguments},
      queue_{std::move(queue)},
      log_{log},
      stop_{std::move(stop)},
      command_{arguments.command},
      abort_event_{::eventfd(0, EFD_CLOEXEC)},
      hurry_event_{::eventfd(0, EFD_CLOEXEC)} {
  if (!abort_event_ || !hurry_event_) throw system_failure(errno, "eventfd", "");
  command_.check();
  // Some eight for each job that runs. The jobs themselves get what we were started with.
  ::getrlimit(RLIMIT_NOFILE, &descriptors_);
  const struct rlimit all = {.rlim_cur = descriptors_.rlim_max, .rlim_max = descriptors_.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &all);
  if (arguments.target) {
    target_ = open_queue(*arguments.target, log.handler());
    require_two_queues(queue_, *target_);
  }
  if (arguments.output_directory) output_.emplace(*arguments.output_directory, "{id}");
  if (arguments.job_log) job_log_.emplace(*arguments.job_log);
}

bool Worker::has_enough() const {
  return arguments_.messages_max > 0 && begun_ >= arguments_.messages_max;
}

void Worker::abort() {
  aborted_ = true;
  ::eventfd_write(abort_event_.get(), 1);
}

void Worker::hurry() { ::eventfd_write(hurry_event_.get(), 1); }

ExitCode Worker::exit_code() {
  const std::lock_guard lock{mutex_};
  if (error_) std::rethrow_exception(error_);
  return exit_code_;
}

/// Whether one more message may be begun.
bool Worker::begin() {
  if (aborted_) return false;
  if (++begun_ <= arguments_.messages_max || arguments_.messages_max == 0) return true;
  --begun_;
  return false;
}

void Worker::handle(Claim& claim) {
  ++counts_.running;
  try {
    if (begin()) {
      work_on(claim);
    } else {
      claim.undo();
    }
  } catch (const Error& error) {
    if (error.code() == errc::claim_lost || error.code() == errc::no_such_message) {
      log_.tell(warning("lost", &claim.info(),
                        "the claim was lost: the message was taken back, removed or moved"));
    } else if (error.code() == errc::damaged) {
      --begun_;  // No job was started for it.
      log_.tell(warning("damaged", &claim.info(), error.detail()));
    } else {
      // The queue's disk fails.
      give_back_after(std::current_exception(), claim);
    }
  } catch (...) {
    // Not the message's fault.
    give_back_after(std::current_exception(), claim);
  }
  --counts_.running;
  // To return would be to say that it is done.
  if (claim.held()) throw NotFinished{};
}

/// What made it impossible to finish the claim ends the worker; the message is not to pay for it.
void Worker::give_back_after(std::exception_ptr error, Claim& claim) {
  stop_with(kExitDone, std::move(error));
  if (!claim.held()) return;
  try {
    claim.undo();
  } catch (const Error& failure) {
    log_.note(LogLevel::warning, describe(failure));
  }
}

void Worker::work_on(Claim& claim) {
  // Without one, each job would die of it.
  if (!output_ && reader_has_gone(STDOUT_FILENO)) throw OutputError{EPIPE};
  verify_payload(claim);
  if (has_enough()) stop_();
  Run run{log_, claim.info()};
  if (output_) run.output.emplace(output_->create(claim.info()));
  try {
    const JobEnd end = run_job_of(claim, run);
    note_job(claim, run, end);
    const WorkEvent event = finish(claim, run, end);
    // The message comes first: standard error may have no reader.
    run.error_output.finish();
    log_.tell(event);
  } catch (...) {
    run.output.reset();
    run.error_output.finish();
    throw;
  }
}

JobEnd Worker::run_job_of(Claim& claim, Run& run) {
  const Payload input = queue_.open_payload(claim.info());
  require_path(claim, input.get());
  ClaimHolder holder = claim.holder();
  const Headers headers = claim.headers();
  const PreparedCommand command = command_.prepare({.info = claim.info(),
                                                    .headers = headers,
                                                    .file = claim.path(),
                                                    .queue = queue_.path(),
                                                    .attempts_max = attempts_max()});
  run.command = command.words();
  log_.tell({.event = "start", .message = &claim.info()});
  return run_job({.command = command,
                  .input = input.get(),
                  .holder = &holder,
                  .output = run.output ? run.output->get() : STDOUT_FILENO,
                  .descriptors = &descriptors_,
                  .timeout = arguments_.timeout,
                  .grace = arguments_.grace,
                  .abort = abort_event_.get(),
                  .renewal = renewal(),
                  .renew = [&] { return renew(claim); },
                  .warn =
                      [&](const std::string& text) {
                        log_.tell_soon(warning("warning", &claim.info(), text));
                      },
                  .warn_no_proc = [&] { warn_no_proc(); }},
                 run.error_output);
}

void Worker::warn_no_proc() {
  if (no_proc_told_.exchange(true)) return;
  log_.tell_soon(warning("warning", nullptr,
                         "cannot read /proc: what a job leaves running outside its process group "
                         "is waited for, but not killed"));
}

unsigned Worker::attempts_max() const {
  if (arguments_.policy.max_attempts) return *arguments_.policy.max_attempts;
  return static_cast<unsigned>(parse_number(setting(queue_, "max_attempts"), 9999).value_or(0));
}

std::optional<Duration> Worker::renewal() const {
  const auto lease = parse_duration(setting(queue_, "lease"));
  if (!lease || *lease <= Duration{0}) return std::nullopt;  // off
  return std::max(*lease / kRenewalsPerLease, Duration{1});
}

bool Worker::renew(Claim& claim) {
  try {
    claim.extend();
  } catch (const Error& error) {
    if (error.code() == errc::claim_lost) return false;
    // It may work the next time, and still in time.
    log_.note(LogLevel::warning, describe(error));
  }
  return true;
}

void Worker::note_job(const Claim& claim, const Run& run, const JobEnd& end) {
  if (!job_log_) return;
  struct stat output{};
  const bool is_file = run.output && ::fstat(run.output->get(), &output) == 0;
  const auto received = is_file ? static_cast<std::uint64_t>(output.st_size) : 0;
  if (job_log_->add(run.started, end, claim.info().size.value_or(0), received, run.command)) return;
  const std::error_code code{errno, std::generic_category()};
  if (job_log_failed_.exchange(true)) return;
  log_.note(LogLevel::warning, fmt::format("{}: {}; the job log has a gap",
                                           shown_path(*arguments_.job_log), code.message()));
}

WorkEvent Worker::finish(Claim& claim, Run& run, const JobEnd& end) {
  if (is_exit(end, {0, kDoneAndStop})) return succeed(claim, run, end);
  run.output.reset();
  if (!output_ && end.kind != JobEnd::Kind::claim_lost && reader_has_gone(STDOUT_FILENO)) {
    stop_with(kExitDone, std::make_exception_ptr(OutputError{EPIPE}));
    return give_back(claim, end, "nobody reads the standard output any more");
  }
  switch (end.kind) {
    case JobEnd::Kind::claim_lost:
      // The message belongs to another consumer by now, and the claim is over.
      break;
    case JobEnd::Kind::aborted:
      return give_back(claim, end, describe(end, {}));
    case JobEnd::Kind::not_started:
      stop_with(exit_code_of_start(end.value));
      return give_back(claim, end, start_failure(run.command.front(), end.value));
    case JobEnd::Kind::exited:
      if (is_exit(end, {kExitNotExecutable, kExitNoCommand})) {
        stop_with(static_cast<ExitCode>(end.value));
        return give_back(
            claim, end,
            fmt::format("exit code {}: what {} runs {}", end.value,
                        shell_quote(run.command.front()),
                        end.value == kExitNoCommand ? "was not found" : "cannot be executed"));
      }
      return fail(claim, run, end, is_exit(end, {kBadMessage, kFailForGood}));
    case JobEnd::Kind::killed:
    case JobEnd::Kind::timed_out:
    case JobEnd::Kind::unsupervised:
      return fail(claim, run, end, /*for_good=*/false);
  }
  return event_of_end("lost", claim.info(), end, LogLevel::warning, describe(end, {}));
}

/// Into the other queue. The job is not to run again because that is full for a while: then it is
/// tried again, unless the worker is to end.
void Worker::hand_over(Claim& claim) {
  const auto renewal = this->renewal();
  const Duration pause = std::min(kHandOverPause, renewal.value_or(kHandOverPause));
  for (Duration waited{0};; waited += pause) {
    try {
      claim.move(*target_);
      return;
    } catch (const Error& error) {
      const bool may_become_possible = claim.held() && error.code() == condition::temporary;
      if (!may_become_possible || waited >= kHandOverPatience) throw;
      if (waited == Duration{0}) log_.note(LogLevel::warning, describe(error) + "; trying again");
      if (!pause_before_again(pause)) throw;
    }
    // Outside of the handler, so that a claim that was lost is told as one.
    if (renewal) claim.extend();
  }
}

/// False when the worker is to end.
bool Worker::pause_before_again(Duration pause) {
  std::array<struct pollfd, 2> ends = {
      {{.fd = abort_event_.get(), .events = POLLIN, .revents = 0},
       {.fd = hurry_event_.get(), .events = POLLIN, .revents = 0}}};
  return ::poll(ends.data(), ends.size(), static_cast<int>(pause.count())) <= 0;
}

WorkEvent Worker::succeed(Claim& claim, Run& run, const JobEnd& end) {
  if (is_exit(end, {kDoneAndStop})) stop_();
  if (run.output) static_cast<void>(output_->publish(std::move(*run.output), claim.info()));
  run.output.reset();
  if (target_) {
    try {
      hand_over(claim);
    } catch (const Error& error) {
      if (!claim.held()) throw;
      return retry(claim,
                   {.text = fmt::format("the job succeeded, but its message could not be moved: {}",
                                        describe(error))},
                   end);
    }
  } else {
    claim.ack(arguments_.ack, arguments_.finished);
  }
  ++counts_.done;
  return event_of_end("done", claim.info(), end, LogLevel::notice, {});
}

WorkEvent Worker::fail(Claim& claim, const Run& run, const JobEnd& end, bool for_good) {
  Reason reason;
  reason.text = describe(end, arguments_.timeout);
  reason.error_output = run.error_output.end();
  reason.exit_code = end.exit_code();
  if (end.kind == JobEnd::Kind::killed) reason.signal = end.value;
  if (end.kind == JobEnd::Kind::unsupervised) reason.signal = SIGKILL;
  if (!for_good) return retry(claim, reason, end);
  claim.fail(reason);
  ++counts_.failed;
  return event_of_end("failed", claim.info(), end, LogLevel::warning, reason.text);
}

WorkEvent Worker::retry(Claim& claim, const Reason& reason, const JobEnd& end) {
  if (claim.retry_later(reason, arguments_.policy) == State::failed) {
    ++counts_.failed;
    return event_of_end("failed", claim.info(), end, LogLevel::warning, reason.text);
  }
  ++counts_.retried;
  WorkEvent event = event_of_end("retry", claim.info(), end, LogLevel::notice, reason.text);
  event.due = claim.info().due;
  return event;
}

WorkEvent Worker::give_back(Claim& claim, const JobEnd& end, const std::string& why) {
  claim.undo();
  return event_of_end("returned", claim.info(), end, LogLevel::warning, why);
}

/// The first code and the first error stay.
void Worker::stop_with(ExitCode code, std::exception_ptr error) {
  {
    const std::lock_guard lock{mutex_};
    if (exit_code_ == kExitDone) exit_code_ = code;
    if (!error_) error_ = std::move(error);
  }
  stop_();
}

}  // namespace spoolq::cli
