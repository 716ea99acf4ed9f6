// INT and TERM while a message is in hand: it goes back, or its file in tmp/ goes, then the program
// ends.
#pragma once

namespace spoolq {
class Consumer;
}

namespace spoolq::cli {

/// The number of the stop signal that was received, or 0.
int stop_signal();

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
