// INT and TERM while taking: the message in hand goes back, then the program ends.
#pragma once

namespace spoolq {
class Consumer;
}

namespace spoolq::cli {

/// The number of the stop signal that was received, or 0.
int stop_signal();

/// While it lives, the first INT or TERM stops `consumer` instead of killing the process; a second
/// one kills. One at a time; `consumer` outlives it and does not move.
class StopOnSignals {
 public:
  explicit StopOnSignals(Consumer& consumer);
  StopOnSignals(const StopOnSignals&) = delete;
  StopOnSignals& operator=(const StopOnSignals&) = delete;
  ~StopOnSignals();
};

}  // namespace spoolq::cli
