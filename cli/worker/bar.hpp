// `--bar`: one line that tells how far the worker is.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "cli/worker/counts.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// One thread.
class Bar {
 public:
  explicit Bar(Queue queue) : queue_{std::move(queue)} {}

  /// The line as it is now, cut to `columns` characters.
  std::string line(const WorkCounts& counts, std::size_t columns);

 private:
  using Clock = std::chrono::steady_clock;
  void count_ready(Clock::time_point now, std::uint64_t begun);

  Queue queue_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point next_count_{};
  std::uint64_t ready_ = 0;
  std::uint64_t begun_at_count_ = 0;
};

/// The width of standard error's terminal.
std::size_t terminal_columns();

}  // namespace spoolq::cli
