// Stopping on INT and TERM.
#include "cli/output/signals.hpp"

#include <poll.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "cli/output/print.hpp"

namespace spoolq::cli {
namespace {

// A signal handler gets no argument of ours, so these are the program's only variables at
// namespace scope.
std::atomic<int> received{0};
std::atomic<void*> stoppable{nullptr};
std::atomic<void (*)(void*)> stop_it{nullptr};
static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<void*>::is_always_lock_free);
static_assert(std::atomic<void (*)(void*)>::is_always_lock_free);

void handle(int signal) {
  received.store(signal);
  void* const object = stoppable.load();
  if (object != nullptr) stop_it.load()(object);
}

void install(int signal) {
  struct sigaction old{};
  if (::sigaction(signal, nullptr, &old) == 0 && old.sa_handler == SIG_IGN) return;  // nohup
  struct sigaction action{};
  action.sa_handler = handle;
  // No SA_RESTART: a write to a full pipe must end. The second signal finds the default action.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

sigset_t signal_set(std::initializer_list<int> signals) {
  sigset_t set{};
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

int stop_signal() { return received.load(); }

bool wait_for_input(int fd, int milliseconds) {
  // Between the look at the signal and the wait none may come: it would not end the wait.
  const sigset_t stops = signal_set({SIGINT, SIGTERM});
  sigset_t before{};
  ::pthread_sigmask(SIG_BLOCK, &stops, &before);
  struct pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
  const timespec limit = {.tv_sec = milliseconds / 1000,
                          .tv_nsec = (milliseconds % 1000) * 1'000'000L};
  int count = -1;
  while (count < 0 && stop_signal() == 0) {
    count = ::ppoll(&ready, 1, milliseconds < 0 ? nullptr : &limit, &before);
    if (count < 0 && errno != EINTR) count = 1;  // The read tells what is wrong.
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (const int signal = stop_signal(); signal != 0) throw Interrupted{signal};
  return count > 0;
}

StopOnSignals::StopOnSignals() {
  install(SIGINT);
  install(SIGTERM);
}

StopOnSignals::StopOnSignals(void* object, void (*stop)(void*)) {
  stop_it.store(stop);
  stoppable.store(object);
  install(SIGINT);
  install(SIGTERM);
}

StopOnSignals::~StopOnSignals() { stoppable.store(nullptr); }

}  // namespace spoolq::cli
