// Stopping on INT and TERM.
#include "cli/signals.hpp"

#include <atomic>
#include <csignal>

#include "spoolq/consumer.hpp"

namespace spoolq::cli {
namespace {

// A signal handler gets no argument of ours, so these two are the program's only variables at
// namespace scope.
std::atomic<int> received{0};
std::atomic<Consumer*> stopped{nullptr};
static_assert(std::atomic<int>::is_always_lock_free);
static_assert(std::atomic<Consumer*>::is_always_lock_free);

void handle(int signal) {
  received.store(signal);
  if (Consumer* consumer = stopped.load()) consumer->stop();
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

int stop_signal() { return received.load(); }

StopOnSignals::StopOnSignals(Consumer* consumer) {
  stopped.store(consumer);
  install(SIGINT);
  install(SIGTERM);
}

StopOnSignals::~StopOnSignals() { stopped.store(nullptr); }

}  // namespace spoolq::cli
