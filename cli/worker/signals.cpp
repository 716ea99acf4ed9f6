// The signals of a worker.
#include "cli/worker/signals.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>
#include <utility>

#include "cli/output/signals.hpp"

namespace spoolq::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// A signal that comes again within this time is the same: timeout(1) sends each twice, to the
/// process and to its group.
constexpr int kRepeatedMilliseconds = 20;

sigset_t received_signals() {
  sigset_t signals{};
  ::sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGTSTP, SIGCONT}) {
    struct sigaction action{};
    const bool ignored = ::sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
    if (!ignored) ::sigaddset(&signals, number);
  }
  return signals;
}

/// The signal that waits to be read, or 0.
int read_signal(int fd) {
  struct signalfd_siginfo info{};
  const ssize_t count = ::read(fd, &info, sizeof info);
  return count == static_cast<ssize_t>(sizeof info) ? static_cast<int>(info.ssi_signo) : 0;
}

}  // namespace

WorkSignals::WorkSignals() {
  const sigset_t signals = received_signals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signals_ = File{::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)};
  end_event_ = File{::eventfd(0, EFD_CLOEXEC)};
  if (!signals_ || !end_event_) throw std::system_error{errno, std::generic_category(), "signalfd"};
}

void WorkSignals::end() {
  if (!thread_.joinable()) return;
  ::eventfd_write(end_event_.get(), 1);
  thread_.join();
}

void WorkSignals::start(SignalActions actions, std::optional<Duration> time_max) {
  actions_ = std::move(actions);
  thread_ = std::thread{[this, time_max] { receive(time_max); }};
}

void WorkSignals::receive(std::optional<Duration> time_max) {
  constexpr Duration kWaitMax = std::chrono::hours{1};
  const auto begun = Clock::now();
  for (;;) {
    int wait = -1;
    if (time_max) {
      // Written so that no duration is too long.
      const auto gone = std::chrono::floor<Duration>(Clock::now() - begun);
      if (gone >= *time_max) {
        time_max.reset();
        actions_.time_over();
        continue;
      }
      wait = static_cast<int>(std::min(*time_max - gone, kWaitMax).count());
    }
    std::array<struct pollfd, 2> ready = {
        {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
         {.fd = end_event_.get(), .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), wait) <= 0) continue;
    if (ready[1].revents != 0) return;
    if (const int signal = read_signal(signals_.get()); signal != 0) handle(signal);
  }
}

void WorkSignals::handle(int signal) {
  if (signal == SIGTSTP) return actions_.pause();
  if (signal == SIGCONT) return actions_.resume();
  // A terminal that goes away may say so more than once. It does not ask to hurry.
  if (signal == SIGHUP) {
    if (stops_ == 0 && !std::exchange(hung_up_, true)) actions_.stop(signal);
    return;
  }
  merge_repeated(signal);
  switch (++stops_) {
    case 1:
      return actions_.stop(signal);
    case 2:
      return actions_.abort(signal);
    default:
      break;
  }
  // Something hangs that cannot be killed.
  std::signal(signal, SIG_DFL);
  const sigset_t one = signal_set({signal});
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(signal);
}

void WorkSignals::merge_repeated(int signal) const {
  const auto end = Clock::now() + std::chrono::milliseconds{kRepeatedMilliseconds};
  const sigset_t one = signal_set({signal});
  while (Clock::now() < end) {
    const timespec wait = {.tv_sec = 0, .tv_nsec = 5'000'000};
    ::sigtimedwait(&one, nullptr, &wait);
  }
}

}  // namespace spoolq::cli
