// The signals of a worker: stop, kill, pause and go on.
#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "cli/files/file.hpp"
#include "spoolq/message.hpp"

namespace spoolq::cli {

/// What to do; called from a thread of its own, so all that threads may do is allowed.
struct SignalActions {
  std::function<void(int)> stop;    ///< The first HUP, and the first TERM or INT.
  std::function<void(int)> abort;   ///< A second TERM or INT.
  std::function<void()> pause;      ///< TSTP.
  std::function<void()> resume;     ///< CONT.
  std::function<void()> time_over;  ///< The time given to the constructor is over.
};

/// While it lives, these signals are received by a thread of its own instead of a handler. INT and
/// HUP stay ignored where they were (nohup). A third TERM or INT ends the process. One at a time.
class WorkSignals {
 public:
  /// Blocks the signals in this thread, and so in those that it starts from now on.
  WorkSignals();
  WorkSignals(const WorkSignals&) = delete;
  WorkSignals& operator=(const WorkSignals&) = delete;
  ~WorkSignals() { end(); }

  /// Begins to receive them. `time_max`: see SignalActions.
  void start(SignalActions actions, std::optional<Duration> time_max);
  /// Calls nothing more once it has returned.
  void end();

 private:
  void receive(std::optional<Duration> time_max);
  void handle(int signal);
  void merge_repeated(int signal) const;

  SignalActions actions_;
  File signals_;
  File end_event_;
  int stops_ = 0;         ///< TERM and INT.
  bool hung_up_ = false;  ///< HUP.
  std::thread thread_;
};

}  // namespace spoolq::cli
