// INT and TERM while a message is in hand: it goes back, or its file in tmp/ goes, then the program
// ends.
#pragma once

#include <csignal>
#include <initializer_list>

namespace spoolq::cli {

/// A set of signals.
sigset_t signal_set(std::initializer_list<int> signals);

/// The number of the stop signal that was received, or 0.
int stop_signal();

/// Waits until `fd` can be read or `milliseconds` are over; -1: for ever. False when the time is
/// over. Throws Interrupted for a stop signal, also for one that came just before.
bool wait_for_input(int fd, int milliseconds);

/// While it lives, the first INT or TERM is noted instead of killing the process, and stops
/// the given object; a second one kills. One at a time.
class StopOnSignals {
 public:
  /// Only notes the signal.
  StopOnSignals();
  /// Calls stop() of a consumer, a monitor or the like, which outlives this and does not move. That
  /// is called from the signal handler.
  template <typename Stoppable>
  explicit StopOnSignals(Stoppable& object)
      : StopOnSignals{&object, [](void* it) { static_cast<Stoppable*>(it)->stop(); }} {}
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;
  ~StopOnSignals();

 private:
  StopOnSignals(void* object, void (*stop)(void*));
};

}  // namespace spoolq::cli
