// The process between the worker and a job, from its start to its end.
//
// A worker may be killed at any time, and a job may leave processes behind, in other process groups
// and sessions too. So each job has a supervisor, forked by the worker:
//
// 1. It begins a session of its own: no Ctrl-C and no hangup of the worker's terminal reaches it or
//    the job, and a job that asks a terminal gets an error instead of waiting for ever.
// 2. It keeps nothing open but one end of a socket, whose other end is the worker's alone, so the
//    end of the file there means that the worker is gone, however it died; and the proof that the
//    claim's owner lives, so that no other consumer gets the message while a part of the job runs.
// 3. It becomes the reaper of whatever the job's processes leave behind, and starts the job in a
//    process group of its own, with the signals as at the start of any program.
// 4. It waits for the job, for orders and for the end of the worker.
// 5. It kills what is left until it has no child any more, however long that takes, tells the job's
//    wait status and ends. If it outlives the worker, it takes over the claim of its job, so that
//    the worker's other claims end.
//
// Process groups alone would not do: a process may leave its group. A parent-death signal alone
// would not either: it reaches one process only, and comes at the end of a thread.
//
// The worker has threads, so between the forks and the exec there are only async-signal-safe calls.
#include "cli/worker/supervised_job.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <limits>
#include <string_view>
#include <system_error>
#include <utility>

#include "cli/output/signals.hpp"

namespace spoolq::cli {
namespace {

/// Where the supervisor has its socket, and what holds the claim.
constexpr int kSocket = 3;
constexpr int kHolder = 4;
constexpr int kHolderEnd = kHolder + ClaimHolder::kDescriptors;
/// In milliseconds. What cannot be killed is tried again this often, …
constexpr int kLookAgain = 1000;
/// … and the worker, or the system's log, is told of it after the first time, and then this often.
constexpr int kTellEvery = 60'000;
/// Without a worker: how long all of the job may take to die before the supervisor takes over the
/// claim.
constexpr int kOrphanWait = 100;

void send_report(Report::Kind kind, int value, int flags = 0) {
  const Report report{.kind = kind, .value = value};
  static_cast<void>(::send(kSocket, &report, sizeof report, MSG_NOSIGNAL | flags));
}

/// Adds a text to a line that has room for it.
char* append(char* end, std::string_view text) { return std::copy(text.begin(), text.end(), end); }

/// Sends a warning to the system's log, as syslog(3) does, if there is one: a supervisor whose
/// worker is gone has no other, because it must not hold a pipe open that is read to its end.
void tell_system_log(pid_t process) {
  constexpr std::string_view kSystemLog = "/dev/log";
  std::array<char, 200> line{};
  constexpr std::size_t kDigitsMax = 10;
  char* end = append(line.data(), "<28>job-keeper[");
  end = std::to_chars(end, end + kDigitsMax, ::getpid()).ptr;
  end = append(end, "]: the worker of spoolq is gone; waiting for ");
  if (process == 0) {
    end = append(end, "what is left of its job");
  } else {
    end = append(end, "process ");
    end = std::to_chars(end, end + kDigitsMax, process).ptr;
    end = append(end, " of its job, which does not end");
  }
  struct sockaddr_un address{};
  address.sun_family = AF_UNIX;
  append(static_cast<char*>(address.sun_path), kSystemLog);
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  static_cast<void>(::sendto(fd, line.data(), static_cast<std::size_t>(end - line.data()),
                             MSG_DONTWAIT | MSG_NOSIGNAL,
                             reinterpret_cast<const struct sockaddr*>(&address), sizeof address));
  ::close(fd);
}

void close_from(unsigned first) {
  if (::close_range(first, ~0U, 0) == 0) return;
  // Before Linux 5.9, or forbidden by a filter.
  constexpr rlim_t kDescriptorsMax = rlim_t{1} << 20U;
  struct rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const auto end = static_cast<int>(std::min(limit.rlim_cur, kDescriptorsMax));
  for (int fd = static_cast<int>(first); fd < end; ++fd) ::close(fd);
}

/// Puts the job's descriptors at 0 to 2, the socket behind them, and closes all others. False with
/// errno when the claim's holder could not be kept.
bool keep_only(const Launch& launch, int socket) {
  // The worker's own 0 to 2 are always open, so what it opened is beyond them, and only the
  // worker's standard output may stand at its place already.
  ::dup2(launch.input, STDIN_FILENO);
  if (launch.output != STDOUT_FILENO) ::dup2(launch.output, STDOUT_FILENO);
  ::dup2(launch.error, STDERR_FILENO);
  // First out of the way: it may stand where the holder is to go, and the holder where it is.
  const int far_socket = ::fcntl(socket, F_DUPFD_CLOEXEC, kHolderEnd);
  const bool held = far_socket >= 0 && launch.holder->move_to(kHolder);
  const int error = errno;
  ::dup3(far_socket >= 0 ? far_socket : socket, kSocket, O_CLOEXEC);
  close_from(held ? kHolderEnd : kSocket + 1);
  errno = error;
  return held;
}

/// What a program finds that is started by hand: nothing ignored, nothing blocked.
void reset_signals() {
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number) ::sigaction(number, &standard, nullptr);
  sigset_t none{};
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Tries the paths as execvp(3) does, but a file without `#!` is not handed to a shell.
int execute(const Launch& launch) {
  int error = ENOENT;
  for (const char* const* path = launch.paths; *path != nullptr; ++path) {
    ::execve(*path, launch.arguments, launch.environment);
    if (errno == ENOENT || errno == ENOTDIR) continue;
    if (errno != EACCES) return errno;
    error = EACCES;
  }
  return error;
}

[[noreturn]] void become_job(const Launch& launch, pid_t supervisor) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(1);  // It died before it would have been noticed.
  reset_signals();
  if (launch.descriptors != nullptr) ::setrlimit(RLIMIT_NOFILE, launch.descriptors);
  send_report(Report::Kind::not_executable, execute(launch));
  ::_exit(127);
}

void signal_job(pid_t job, int number) {
  ::kill(-job, number);
  if (::getpgid(job) != job) ::kill(job, number);  // It left its group.
}

/// Reaps what has ended. True when the job is among it: then its group has been killed, and
/// `status` is set.
bool reap(pid_t job, int& status) {
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) {
      return false;
    }
    // As long as it is not reaped, no other process can have its number, nor that of its group.
    if (ended.si_pid == job) ::kill(-job, SIGKILL);
    int ended_status = 0;
    ::waitpid(ended.si_pid, &ended_status, 0);
    if (ended.si_pid != job) continue;
    status = ended_status;
    return true;
  }
}

/// What there is to be seen of our children.
struct Children {
  bool readable = false;
  pid_t first = 0;
};

/// Sends SIGKILL to every child of ours.
Children kill_children() {
  const int fd = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  Children children{.readable = true};
  pid_t child = 0;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = ::read(fd, buffer.data(), buffer.size())) > 0) {
    for (ssize_t i = 0; i < count; ++i) {
      const char c = buffer[static_cast<std::size_t>(i)];
      if (c >= '0' && c <= '9') {
        child = child * 10 + (c - '0');
      } else if (child > 0) {
        ::kill(child, SIGKILL);
        if (children.first == 0) children.first = child;
        child = 0;
      }
    }
  }
  ::close(fd);
  return children;
}

/// Milliseconds of a clock that cannot be set.
std::int64_t clock_ms() {
  struct timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

/// What the supervisor does after the start of the job. Some processes cannot be killed: those of
/// another user, those that the kernel holds. They are waited for, however long that takes.
class Care {
 public:
  Care(pid_t job, int signals, ClaimHolder& holder)
      : job_{job}, signals_{signals}, holder_{holder} {}

  /// Step 4; the job's wait status.
  int wait_for_job() {
    int status = 0;
    while (!reap(job_, status)) {
      if (killing_) {
        signal_job(job_, SIGKILL);
        tell_of(job_);
      }
      wait(killing_ ? kLookAgain : -1);
    }
    job_ = 0;
    return status;
  }

  /// Step 5. When a process dies its children become ours, so what is ours is killed until there is
  /// nothing more.
  void end_leftovers() {
    bool told = false;
    begin_to_kill();
    for (;;) {
      const Children children = kill_children();
      pid_t ended = 0;
      bool any = false;
      while ((ended = ::waitpid(-1, nullptr, WNOHANG)) > 0) any = true;
      if (ended < 0 && errno == ECHILD) return;
      if (!children.readable && !std::exchange(told, true)) send_report(Report::Kind::no_proc, 0);
      tell_of(children.first);
      wait(any ? 0 : kLookAgain);
    }
  }

 private:
  void begin_to_kill() {
    killing_ = true;
    tell_at_ = clock_ms() + kLookAgain;
  }

  void tell_of(pid_t process) {
    if (clock_ms() < tell_at_) return;
    tell_at_ = clock_ms() + kTellEvery;
    if (orphaned_) {
      tell_system_log(process);
    } else {
      // A worker that is stopped reads nothing.
      send_report(Report::Kind::waits, process, MSG_DONTWAIT);
    }
  }

  /// Until a child has ended, an order has come or the time is over. -1: no time.
  void wait(int milliseconds) {
    if (orphaned_ && clock_ms() >= take_over_at_) {
      take_over_at_ = holder_.take_over() ? kNever : clock_ms() + kLookAgain;
    }
    if (orphaned_ && take_over_at_ != kNever) milliseconds = std::min(milliseconds, kOrphanWait);
    std::array<struct pollfd, 2> ready = {
        {{.fd = signals_, .events = POLLIN, .revents = 0},
         {.fd = orphaned_ ? -1 : kSocket, .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), milliseconds) < 0) return;
    if (ready[0].revents != 0) {
      struct signalfd_siginfo ignored{};
      static_cast<void>(::read(signals_, &ignored, sizeof ignored));
    }
    if (ready[1].revents != 0) obey();
  }

  void obey() {
    char order = kKill;
    const ssize_t count = ::recv(kSocket, &order, 1, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    orphaned_ = count <= 0;
    // The job has a moment to end: then nothing has to be taken over.
    if (orphaned_) {
      take_over_at_ = clock_ms() + kOrphanWait;
      tell_at_ = clock_ms() + kLookAgain;
    }
    if (job_ == 0) return;
    if (!orphaned_ && order == kTerminate) {
      signal_job(job_, SIGTERM);
      signal_job(job_, SIGCONT);  // A stopped process does not see the other signal.
    } else {
      signal_job(job_, SIGKILL);
      if (!killing_) begin_to_kill();
    }
  }

  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  pid_t job_;
  int signals_;
  ClaimHolder& holder_;
  bool orphaned_ = false;
  bool killing_ = false;
  std::int64_t take_over_at_ = kNever;
  std::int64_t tell_at_ = kNever;
};

}  // namespace

void supervise(const Launch& launch, int socket) {
  // Step 1. All signals are blocked: the worker blocks them around the fork.
  ::setsid();
  // So that `killall spoolq` and `pkill spoolq` mean the workers. With both killed at once, no
  // process would be left to kill what the job has started.
  ::prctl(PR_SET_NAME, "job-keeper");
  // A stopped supervisor must notice that the worker dies.
  ::prctl(PR_SET_PDEATHSIG, SIGCONT);
  struct sigaction standard{};
  standard.sa_handler = SIG_DFL;
  ::sigaction(SIGCHLD, &standard, nullptr);
  // Step 2.
  if (!keep_only(launch, socket)) {
    send_report(Report::Kind::no_process, errno);
    ::_exit(1);
  }
  // Step 3.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const sigset_t child_ended = signal_set({SIGCHLD});
  const int signals = ::signalfd(-1, &child_ended, SFD_CLOEXEC | SFD_NONBLOCK);
  const pid_t self = ::getpid();
  const pid_t job = signals < 0 ? -1 : ::_Fork();
  if (job == 0) become_job(launch, self);
  if (job < 0) {
    send_report(Report::Kind::no_process, errno);
    ::_exit(1);
  }
  ::setpgid(job, job);  // Both do it: neither may come too late.
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::close(fd);
  send_report(Report::Kind::started, job);

  Care care{job, signals, *launch.holder};
  const int status = care.wait_for_job();
  care.end_leftovers();
  send_report(Report::Kind::ended, status);
  ::_exit(0);
}

}  // namespace spoolq::cli
