// One job from its start to its end.
#include "cli/worker/job.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "cli/files/file.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/worker/supervisor.hpp"
#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Standard error that takes nothing is tried again after this.
constexpr std::chrono::milliseconds kBlockedRetry{20};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
      throw std::system_error{errno, std::generic_category(), "pipe"};
    }
    read = File{ends[0]};
    write = File{ends[1]};
    // Our end only: the job's must behave as any standard error.
    ::fcntl(read.get(), F_SETFL, O_NONBLOCK);
  }
  File read;
  File write;
};

std::string describe_wait(int process) {
  if (process == 0) return "waiting for a process that the job left running";
  std::ifstream file{fmt::format("/proc/{}/comm", process)};
  std::string name;
  std::getline(file, name);
  return fmt::format("waiting for process {} ({}) of the job, which does not end", process, name);
}

class Job {
 public:
  Job(const JobSetup& setup, ErrorOutput& error_output)
      : setup_{setup},
        error_output_{error_output},
        started_{Clock::now()},
        supervisor_{Launch{.paths = setup.command.paths(),
                           .arguments = setup.command.arguments(),
                           .environment = setup.command.environment(),
                           .input = setup.input,
                           .output = setup.output,
                           .error = error_.write.get(),
                           .holder = setup.holder,
                           .descriptors = setup.descriptors}} {
    error_.write.close();
    if (setup.timeout) terminate_at_ = after(*setup.timeout);
    if (setup.renewal) renew_at_ = after(*setup.renewal);
  }

  JobEnd run() {
    while (!ended_) {
      std::array<struct pollfd, 3> ready = {
          {{.fd = supervisor_.descriptor(), .events = POLLIN, .revents = 0},
           {.fd = blocked_ ? -1 : error_.read.get(), .events = POLLIN, .revents = 0},
           {.fd = aborted_ ? -1 : setup_.abort, .events = POLLIN, .revents = 0}}};
      const int count = ::poll(ready.data(), ready.size(), until_next());
      if (count == 0) supervisor_.wake();
      if (count < 0) continue;  // EINTR
      if (ready[1].revents != 0) read_error_output();
      if (blocked_) blocked_ = !error_output_.flush();
      if (ready[0].revents != 0) read_report();
      if (ready[2].revents != 0) {
        aborted_ = true;
        supervisor_.kill();
      }
      if (!ended_) look_at_clock();
    }
    // The last writer has ended, so the pipe has an end.
    blocked_ = false;
    while (error_.read && read_error_output()) {
    }
    return result();
  }

 private:
  static Clock::time_point after(Duration duration) {
    const auto now = Clock::now();
    return duration < std::chrono::floor<Duration>(Clock::time_point::max() - now)
               ? now + duration
               : Clock::time_point::max();
  }

  /// In milliseconds, for poll(2).
  [[nodiscard]] int until_next() const {
    // A supervisor that was stopped must go on.
    constexpr Clock::duration kWaitMax = std::chrono::seconds{10};
    const auto next = std::min({terminate_at_, kill_at_, renew_at_});
    auto wait = std::clamp(next - Clock::now(), Clock::duration{0}, kWaitMax);
    if (blocked_) wait = std::min<Clock::duration>(wait, kBlockedRetry);
    return static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(wait).count());
  }

  void look_at_clock() {
    const auto now = Clock::now();
    if (now >= terminate_at_) {
      timed_out_ = true;
      terminate_at_ = Clock::time_point::max();
      kill_at_ = after(setup_.grace);
      supervisor_.terminate();
    }
    if (now >= kill_at_) {
      kill_at_ = Clock::time_point::max();
      supervisor_.kill();
    }
    if (now >= renew_at_) {
      renew_at_ = after(*setup_.renewal);
      if (setup_.renew()) return;
      lost_ = true;
      renew_at_ = Clock::time_point::max();
      supervisor_.kill();
    }
  }

  /// False when there was nothing to read.
  bool read_error_output() {
    std::array<char, ErrorOutput::kPartMax> buffer{};
    const ssize_t count = ::read(error_.read.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) return true;
    if (count <= 0) {
      if (count == 0 || errno != EAGAIN) error_.read.close();
      return false;
    }
    blocked_ = !error_output_.take({buffer.data(), static_cast<std::size_t>(count)});
    return true;
  }

  void read_report() {
    const auto report = supervisor_.report();
    if (!report) {
      ended_ = true;
      end_.kind = JobEnd::Kind::unsupervised;
      return;
    }
    switch (report->kind) {
      case Report::Kind::started:
        return;
      case Report::Kind::not_executable:
        exec_error_ = report->value;
        return;
      case Report::Kind::no_proc:
        setup_.warn_no_proc();
        return;
      case Report::Kind::waits:
        setup_.warn(describe_wait(report->value));
        return;
      case Report::Kind::no_process:
        throw std::system_error{report->value, std::generic_category(), "fork"};
      case Report::Kind::ended:
        ended_ = true;
        end_.kind = WIFSIGNALED(report->value) ? JobEnd::Kind::killed : JobEnd::Kind::exited;
        end_.value =
            WIFSIGNALED(report->value) ? WTERMSIG(report->value) : WEXITSTATUS(report->value);
        return;
    }
  }

  [[nodiscard]] JobEnd result() {
    const bool succeeded = end_.kind == JobEnd::Kind::exited && end_.value == 0;
    if (lost_) {
      end_.kind = JobEnd::Kind::claim_lost;
    } else if (timed_out_) {
      end_.kind = aborted_ ? JobEnd::Kind::aborted : JobEnd::Kind::timed_out;
    } else if (aborted_ && !succeeded) {  // Otherwise it was faster.
      end_.kind = JobEnd::Kind::aborted;
    } else if (exec_error_ != 0) {
      end_.kind = JobEnd::Kind::not_started;
      end_.value = exec_error_;
    }
    end_.runtime = std::chrono::floor<Duration>(Clock::now() - started_);
    return end_;
  }

  const JobSetup& setup_;
  ErrorOutput& error_output_;
  Clock::time_point started_;
  Pipe error_;
  Supervisor supervisor_;
  Clock::time_point terminate_at_ = Clock::time_point::max();
  Clock::time_point kill_at_ = Clock::time_point::max();
  Clock::time_point renew_at_ = Clock::time_point::max();
  bool blocked_ = false;  ///< Our own standard error takes nothing at present.
  bool timed_out_ = false;
  bool aborted_ = false;
  bool lost_ = false;
  bool ended_ = false;
  int exec_error_ = 0;
  JobEnd end_;
};

}  // namespace

std::optional<int> JobEnd::exit_code() const {
  if (kind == Kind::timed_out) return kExitTimedOut;
  return kind == Kind::exited ? std::optional{value} : std::nullopt;
}

JobEnd run_job(const JobSetup& setup, ErrorOutput& error_output) {
  return Job{setup, error_output}.run();
}

std::string describe(const JobEnd& end, const std::optional<Duration>& timeout) {
  switch (end.kind) {
    case JobEnd::Kind::exited:
      return fmt::format("exit code {}", end.value);
    case JobEnd::Kind::killed: {
      const char* name = ::sigabbrev_np(end.value);
      return fmt::format("killed by signal {}{}", end.value,
                         name == nullptr ? "" : fmt::format(" ({})", name));
    }
    case JobEnd::Kind::timed_out:
      return fmt::format("timed out after {}", format_duration(timeout.value_or(Duration{0})));
    case JobEnd::Kind::aborted:
      return "killed: the worker was stopped";
    case JobEnd::Kind::claim_lost:
      return "the claim was lost: the message was taken back, removed or moved";
    case JobEnd::Kind::not_started:
      return "not started";
    case JobEnd::Kind::unsupervised:
      return "killed together with its supervising process";
  }
  return {};
}

WorkEvent event_of_end(std::string_view event, const MessageInfo& message, const JobEnd& end,
                       LogLevel level, const std::string& text) {
  WorkEvent told{.level = level,
                 .event = event,
                 .message = &message,
                 .runtime = end.runtime,
                 .exit_code = end.exit_code(),
                 .signal = {},
                 .due = {},
                 .text = text};
  if (end.kind == JobEnd::Kind::killed) told.signal = end.value;
  return told;
}

}  // namespace spoolq::cli
