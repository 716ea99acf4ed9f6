// spoolq work: runs a command for each message.
#include <fmt/format.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstring>
#include <optional>

#include "cli/commands/commands.hpp"
#include "cli/worker/arguments.hpp"
#include "cli/worker/bar.hpp"
#include "cli/worker/log.hpp"
#include "cli/worker/notify.hpp"
#include "cli/worker/rate.hpp"
#include "cli/worker/signals.hpp"
#include "cli/worker/worker.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Nothing is taken before wake() is called.
constexpr Duration kUntilWoken = std::chrono::hours{1};
/// How often a worker looks whether it can still come to an end, and draws its bar.
constexpr Duration kTick{500};
/// How often the service manager is told what has been done.
constexpr Duration kStatusInterval = std::chrono::seconds{5};
/// So long after a message was looked for its job has begun, or there was none.
constexpr Duration kBegins{5};

/// One run of the command.
class Work {
 public:
  Work(const WorkArguments& arguments, WorkLog& log)
      : arguments_{arguments},
        log_{log},
        consumer_{open_consumer(arguments.queue, log.handler())},
        worker_{arguments, consumer_.queue(), log, [this] { stop(); }},
        bar_{consumer_.queue()} {
    if (arguments.interval) rate_.emplace(*arguments.interval);
    show_bar_ = arguments.bar && ::isatty(STDERR_FILENO) == 1;
  }

  int run() {
    if (ends_by_itself() && consumer_.queue().paused()) throw paused();
    signals_.start({.stop = [this](int signal) { stop_on(signal); },
                    .abort = [this](int signal) { abort_on(signal); },
                    .pause = [this] { pause(); },
                    .resume = [this] { resume(); },
                    .time_over = [this] { stop_because("--max-time is over"); }},
                   arguments_.time_max);
    consumer_.run([this](Claim& claim) { worker_.handle(claim); }, options());
    log_.end();
    notify_.stopping();
    const ExitCode code = worker_.exit_code();
    if (const int signal = aborted_by_; signal != 0) return kExitSignal + signal;
    if (code == kExitDone && (found_paused_ || left_by_pause())) throw paused();
    return code;
  }

  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  ~Work() { signals_.end(); }  // It calls what ends after this.

 private:
  RunOptions options() {
    RunOptions options;
    options.concurrency = arguments_.jobs;
    options.ack = arguments_.ack;
    if (arguments_.drain == Drain::ready) options.until = RunOptions::Until::ready_empty;
    if (arguments_.drain == Drain::all) options.until = RunOptions::Until::empty;
    options.pace = [this] { return pace(); };
    options.tick = tick();
    options.on_tick = [this] { on_tick(); };
    return options;
  }

  [[nodiscard]] bool ends_by_itself() const {
    return arguments_.drain != Drain::no || arguments_.once;
  }

  [[nodiscard]] Failure paused() const { return queue_is_paused(consumer_.queue()); }

  /// Whether there is something left to do, but the queue gives out nothing.
  [[nodiscard]] bool left_by_pause() const {
    if (arguments_.drain == Drain::no || stopped_) return false;
    const Queue queue = consumer_.queue();
    if (!queue.paused()) return false;
    return !queue.list(State::ready, 1).empty() ||
           (arguments_.drain == Drain::all && !queue.list(State::delayed, 1).empty());
  }

  /// Zero: nothing is to be done by the clock.
  [[nodiscard]] Duration tick() const {
    Duration tick{0};
    const auto at_least_every = [&](Duration interval) {
      tick = tick == Duration{0} ? interval : std::min(tick, interval);
    };
    if (show_bar_ || ends_by_itself()) at_least_every(kTick);
    if (notify_) at_least_every(kStatusInterval);
    if (notify_.watchdog()) at_least_every(*notify_.watchdog());
    return tick;
  }

  /// Called before each message is taken.
  Duration pace() {
    if (!ready_told_) {
      ready_told_ = true;
      notify_.ready();
    }
    if (holding_ || worker_.has_enough()) return kUntilWoken;
    if (!rate_) return Duration{0};
    const auto now = Clock::now();
    // The rate counts jobs that have begun. One whose message was taken just now is about to.
    if (allowed_ && !taken_at_) taken_at_ = now;
    if (const std::uint64_t begun = worker_.begun(); begun != begun_) {
      begun_ = begun;
      rate_->start(now);
    } else if (taken_at_ && now < *taken_at_ + kBegins) {
      return std::chrono::ceil<Duration>(*taken_at_ + kBegins - now);
    }
    taken_at_.reset();
    const Duration wait = rate_->wait(now);
    allowed_ = wait == Duration{0};
    return wait;
  }

  void on_tick() {
    if (notify_.watchdog()) notify_.alive();
    if (ends_by_itself() && worker_.counts().running == 0 && consumer_.queue().paused()) {
      found_paused_ = true;
      consumer_.stop();
    }
    const WorkCounts& counts = worker_.counts();
    if (show_bar_) log_.show_bar(bar_.line(counts, terminal_columns()));
    if (notify_ && Clock::now() >= next_status_) {
      next_status_ = Clock::now() + kStatusInterval;
      notify_.status(fmt::format("{} running, {} done, {} retried, {} failed",
                                 counts.running.load(), counts.done.load(), counts.retried.load(),
                                 counts.failed.load()));
    }
  }

  void stop() {
    stopped_ = true;
    consumer_.stop();
  }

  // What the thread for signals calls acts first and prints then: standard error may have no
  // reader.

  void stop_because(std::string_view why) {
    worker_.hurry();
    stop();
    log_.hurry();
    notify_.stopping();
    log_.tell_soon({.event = "stop", .text = fmt::format("{}; finishing what runs", why)});
  }

  void stop_on(int signal) { stop_because(fmt::format("SIG{}", ::sigabbrev_np(signal))); }

  void abort_on(int signal) {
    aborted_by_ = signal;
    worker_.abort();
    stop();
    log_.tell_soon({.level = LogLevel::warning,
                    .event = "stop",
                    .text = fmt::format("SIG{} again; killing what runs", ::sigabbrev_np(signal))});
  }

  void pause() {
    holding_ = true;
    log_.tell_soon({.event = "pause", .text = "taking nothing new until SIGCONT"});
  }

  void resume() {
    if (!holding_.exchange(false)) return;
    consumer_.wake();
    log_.tell_soon({.event = "resume", .text = "taking messages again"});
  }

  const WorkArguments& arguments_;
  WorkLog& log_;
  // First of all: threads and processes that begin later inherit what it blocks.
  WorkSignals signals_;
  Notify notify_;
  Consumer consumer_;
  Worker worker_;
  Bar bar_;
  std::optional<Rate> rate_;
  bool show_bar_ = false;
  // Of run()'s thread.
  bool ready_told_ = false;
  bool found_paused_ = false;
  std::uint64_t begun_ = 0;
  bool allowed_ = false;  ///< pace() has let one message be taken.
  std::optional<Clock::time_point> taken_at_;
  Clock::time_point next_status_{};
  std::atomic<bool> stopped_{false};
  std::atomic<bool> holding_{false};
  std::atomic<int> aborted_by_{0};
};

/// Reads the queue and, after `--`, the command.
void read_arguments(const Command& command, WorkArguments& work) {
  const Command::Words& words = command.arguments();
  const std::size_t before = words.size() - command.count_after_dashes();
  if (before == 0) command.wrong_use("which queue? It stands before --", true);
  if (before == words.size()) {
    command.wrong_use("which command? It stands after the queue and --", true);
  }
  if (before > 1) {
    command.wrong_use("one queue, then -- and the command: what stands before -- is not part of it",
                      true);
  }
  work.queue = words.front();
  work.command = command.rest();
}

/// `10/s`, `0.5/m`, `100/h`, as the time between two starts; at most a million a second, at least
/// one a day.
std::optional<std::chrono::nanoseconds> parse_rate(std::string_view text) {
  double count = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, count, std::chars_format::fixed);
  if (error != std::errc{} || end - rest != 2 || rest[0] != '/') return std::nullopt;
  const std::size_t unit = std::string_view{"smh"}.find(rest[1]);
  if (unit == std::string_view::npos) return std::nullopt;
  const double seconds = std::array{1.0, 60.0, 3600.0}.at(unit);
  const double interval = seconds / count;
  if (!std::isfinite(interval) || interval < 1e-6 || interval > 86400) return std::nullopt;
  return std::chrono::nanoseconds{static_cast<std::int64_t>(interval * 1e9)};
}

/// What --on-success says.
Command::Store on_success_in(WorkArguments& work) {
  return [&work](const std::string& what) {
    if (what.starts_with("mv:") && what.size() > 3) {
      work.target = what.substr(3);
    } else if (what == "delete" || what == "keep") {
      work.finished = what == "keep" ? Finished::kept : Finished::removed;
    } else {
      return "not delete, keep or mv:QUEUE";
    }
    return "";
  };
}

}  // namespace

int work_command(Command& command, Console& console) {
  WorkArguments work;
  command.describe("work", "run a command for each message", "Q -- CMD [ARG...]", 1, kUnlimited);
  command.number("-j", work.jobs, 1, 1024, "up to N jobs at a time; default 1");
  command.time_limit("--timeout", work.timeout, "a job that runs longer has failed: SIGTERM, then");
  command.duration("--grace", work.grace, "after this long SIGKILL; default 10s");
  command.number("--max-attempts", work.policy.max_attempts, 1, 9999,
                 "instead of the setting max_attempts");
  command.option("--backoff", work.policy.backoff, "RANGE",
                 "1s..1h: after a failure wait up to 1s, 2s, 4s, ... 1h", parse_backoff,
                 "not a range such as 1s..1h, a duration, or off");
  command.one_of("--drain", work.drain, "all",
                 "end when no message is ready; =all: and none delayed",
                 {{"ready", Drain::ready}, {"all", Drain::all}}, "ready");
  command.flag("--once", work.once, "one message, then end");
  command.number("--max-messages", work.messages_max, 1, kCountMax, "end after N messages");
  command.duration("--max-time", work.time_max, "take nothing more after this, and end");
  command.option("--rate", work.interval, "RATE",
                 "start at most so many jobs, such as 10/s, 30/m, 100/h", parse_rate,
                 "not a rate such as 10/s, 30/m or 100/h");
  command.option(
      {"--on-success", "WHAT", "delete, keep (in done/) or mv:QUEUE; default: as keep_done"},
      &work.finished, on_success_in(work));
  command.text("--output-dir", work.output_directory, "DIR",
               "a job's standard output goes to DIR/ID");
  command.text("--joblog", work.job_log, "FILE", "add a line for each job, as GNU parallel does");
  command.flag("--bar", work.bar, "show progress, on a terminal");
  command.flag("--quiet", work.quiet, "say only what needs somebody");
  command.one_of("--log-format", work.json, "FORMAT", "text (default), or json: an object a line",
                 {{"text", false}, {"json", true}});
  command.one_of("--ack", work.ack, "HOW", "durable (default), or none: acks are not synced",
                 {{"durable", Sync::durable}, {"none", Sync::none}});
  command.excludes(&work.once, &work.messages_max);
  command.example("spoolq work jobs -- wc -c",
                  "run wc for each message, its payload on standard input");
  command.example("spoolq work jobs -j 4 --timeout 5m -- sha256sum {}",
                  "four at a time, {} is the file");
  command.example("spoolq work jobs --drain --output-dir inbox -- sort",
                  "keep what they print, end when empty");
  command.details =
      R"(CMD is started without a shell, once for each message, with the payload on standard input. In
CMD and ARGS {} is the path of the payload's file, {id} the message's id, {name} its name,
whatever they consist of: never put {name} into a script for sh -c, but behind it or after --.

The job's exit code decides: 0 done; 99 done, and the worker stops; 65 and 100 failed at once;
126 and 127 (cannot be executed, not found) given back uncounted, and the worker stops with
that code; any other, a signal and the timeout: tried again after the backoff, until the
attempts are used up. `spoolq show` tells the reason and the end of the standard error.

Environment of the job: SPOOLQ_ID, SPOOLQ_FILE, SPOOLQ_QUEUE, SPOOLQ_ATTEMPT (1 at first),
SPOOLQ_MAX_ATTEMPTS, SPOOLQ_ENQUEUED_AT, SPOOLQ_NAME, SPOOLQ_KEY, SPOOLQ_TYPE (empty where the
message has none); TRACEPARENT, TRACESTATE and BAGGAGE from its headers of these names.

When a job has ended, what it left running is killed, also when the worker is killed. TERM, INT
or HUP: take nothing more, finish what runs, exit 0. A second TERM or INT: kill the jobs, give
their messages back uncounted. TSTP: take nothing new until CONT. Ends with 0, also when jobs
failed; with --drain or --once on a paused queue with 69.)";
  if (!command.parse(console)) return kExitDone;
  read_arguments(command, work);
  if (work.once) work.messages_max = 1;
  if (::getauxval(AT_SECURE) != 0) {
    throw Failure{kExitPermission, "work runs nobody's commands with somebody else's rights"};
  }
  if (!work.output_directory) console.out.check();
  WorkLog log{{.json = work.json,
               .quiet = work.quiet,
               .verbose = console.verbose,
               .color = console.error_color}};
  try {
    return Work{work, log}.run();
  } catch (const Failure& failure) {
    if (!work.json) throw;
    log.note(LogLevel::warning, failure.what());
    return failure.code();
  } catch (const Error& error) {
    if (!work.json) throw;
    log.note(LogLevel::warning, describe(error));
    return exit_code_of(error.code());
  }
}

}  // namespace spoolq::cli
