// INT and TERM while a message is in hand: it goes back, or its file in tmp/ goes, then the program
// ends.
#pragma once

namespace spoolq {
class Consumer;
}

namespace spoolq::cli {

/// The number of the stop signal that was received, or 0.
int stop_signal();

/// Waits until `fd` can be read or `milliseconds` are over; -1: for ever. False when the time is
/// over. Throws Interrupted for a stop signal, also for one that came just before.
bool wait_for_input(int fd, int milliseconds);

/// While it lives, the first INT or TERM is noted, and stops `consumer`, instead of killing the
/// process; a second one kills. One at a time; `consumer` outlives it and does not move.
class StopOnSignals {
 public:
  explicit StopOnSignals(Consumer* consumer = nullptr);
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;
  ~StopOnSignals();
};

}  // namespace spoolq::cli
