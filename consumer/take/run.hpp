// One call of Consumer::run().
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <optional>

#include "consumer/take/consumer.hpp"
#include "consumer/take/handlers.hpp"

namespace spoolq {

/// Takes messages and waits, in the caller's thread. Handlers process them in threads of their own.
class Consumer::Impl::Run {
 public:
  Run(Impl& consumer, const std::function<void(Claim&)>& handler, const RunOptions& options);

  /// Returns when the last handler has ended. Throws the first error.
  void operator()();

 private:
  using Clock = std::chrono::steady_clock;

  void take_messages();
  [[nodiscard]] std::size_t places() const;
  bool stop_requested();
  bool nothing_left();
  void await_handlers();
  Duration tick();
  Duration tick_while_ending();

  Impl& consumer_;
  detail::IdleWait& idle_wait_;
  const RunOptions& options_;
  std::exception_ptr error_;
  bool ticking_ = true;
  Clock::time_point next_tick_{};
  std::optional<Clock::time_point> idle_since_;  ///< Since when there was nothing to take.
  detail::Handlers handlers_;                    ///< Last: its threads end before what they use.
};

}  // namespace spoolq
