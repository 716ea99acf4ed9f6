// `--rate`: jobs start evenly spaced, with no bursts after a pause.
#pragma once

#include <algorithm>
#include <chrono>

#include "spoolq/message.hpp"

namespace spoolq::cli {

/// One thread at a time.
class Rate {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Rate(std::chrono::nanoseconds interval) : interval_{interval} {}

  /// How long until a job may start.
  [[nodiscard]] Duration wait(Clock::time_point now) const {
    return next_ <= now ? Duration{0} : std::chrono::ceil<Duration>(next_ - now);
  }
  /// A job starts. What waiting in whole milliseconds costs is made up for, more is not.
  void start(Clock::time_point now) {
    next_ = std::max(next_, now - std::chrono::milliseconds{2}) + interval_;
  }

 private:
  Clock::duration interval_;
  Clock::time_point next_{};
};

}  // namespace spoolq::cli
