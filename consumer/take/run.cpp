// Consumer::run(): one thread takes and waits, handlers process the messages in others.
#include <algorithm>

#include "consumer/take/consumer.hpp"
#include "consumer/take/handlers.hpp"

namespace spoolq {
namespace {

using detail::StopRequest;

/// A run that ends with the last message waits this much longer than the setting `settle` for a
/// file that is still being written.
constexpr Duration kSettlingGrace{1000};

}  // namespace

/// One call of run(). It takes messages and waits, in the caller's thread.
class Consumer::Impl::Run {
 public:
  Run(Impl& consumer, const std::function<void(Claim&)>& handler, const RunOptions& options)
      : consumer_{consumer},
        watcher_{consumer.watcher},
        options_{options},
        handlers_{consumer.open(), handler, options, consumer.hard_stop.get_token(),
                  [this] { watcher_.wake(); }} {}

  /// Returns when the last handler has ended. Throws the first error.
  void operator()() {
    try {
      take_messages();
    } catch (...) {
      error_ = std::current_exception();
    }
    handlers_.give_back_waiting();
    await_handlers();
    if (!error_) error_ = handlers_.error();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// Until something ends the run.
  void take_messages() {
    for (;;) {
      // Cleared first: a handler that ends from here on wakes the wait below.
      watcher_.take_wake();
      if (stop_requested() || handlers_.error()) return;
      const Duration until_tick = tick();
      const std::size_t unfinished = handlers_.unfinished();
      const bool room = unfinished < places();
      const Duration pace = room && options_.pace ? options_.pace() : Duration{0};
      if (pace > Duration{0} && unfinished == 0 && !anything_ready() && nothing_left()) {
        return;
      }
      if (!room || pace > Duration{0}) {
        consumer_.stay_busy(room ? std::min(pace, until_tick) : until_tick);
        continue;
      }
      if (auto claim = consumer_.try_take()) {
        handlers_.hand(std::move(*claim));
        idle_since_.reset();
        continue;
      }
      if (unfinished == 0 && nothing_left()) return;
      consumer_.rest(until_tick);
    }
  }

  /// How many messages may be claimed at a time. A lease is for handlers: a message that waits for
  /// one would use it up.
  std::size_t places() const {
    const std::size_t handlers = std::max(options_.concurrency, 1U);
    return handlers + (consumer_.open().settings()->lease ? 0 : options_.prefetch);
  }

  bool anything_ready() const { return consumer_.open().store().has_files(State::ready); }

  bool stop_requested() {
    const StopRequest request = watcher_.take_stop();
    if (request == StopRequest::hard) consumer_.hard_stop.request_stop();
    return request != StopRequest::none;
  }

  /// Whether no message is left that this run waits for. Called while no handler runs.
  bool nothing_left() {
    if (options_.until == RunOptions::Until::stopped) return false;
    const auto now = Clock::now();
    if (!idle_since_) idle_since_ = now;
    // A file whose writer does not come to an end is not waited for.
    const Duration patience = consumer_.open().settings()->settle + kSettlingGrace;
    if (consumer_.source.settling(now) && now - *idle_since_ < patience) return false;
    if (options_.until == RunOptions::Until::ready_empty) return true;
    const detail::DueResult due = consumer_.maintenance.scan_later();
    return due.moved == 0 && !due.next;
  }

  void await_handlers() {
    for (;;) {
      watcher_.take_wake();
      if (handlers_.unfinished() == 0) return;
      stop_requested();
      watcher_.sleep(tick_while_ending());
    }
  }

  /// Calls on_tick if it is time. Returns how long until the next time.
  Duration tick() {
    if (options_.tick <= Duration{0} || !options_.on_tick) return Duration::max();
    const auto now = Clock::now();
    if (now >= next_tick_) {
      next_tick_ = now + options_.tick;
      options_.on_tick();
    }
    return std::max(std::chrono::ceil<Duration>(next_tick_ - now), Duration{0});
  }

  /// The same while the last handlers run. If on_tick throws, it is not called again, and the error
  /// is thrown once the handlers have ended.
  Duration tick_while_ending() {
    if (!ticking_) return Duration::max();
    try {
      return tick();
    } catch (...) {
      if (!error_) error_ = std::current_exception();
      ticking_ = false;
      return Duration::max();
    }
  }

  Impl& consumer_;
  detail::Watcher& watcher_;
  const RunOptions& options_;
  std::exception_ptr error_;
  bool ticking_ = true;
  Clock::time_point next_tick_{};
  std::optional<Clock::time_point> idle_since_;  ///< Since when there was nothing to take.
  detail::Handlers handlers_;                    ///< Last: its threads end before what they use.
};

void Consumer::run(const std::function<void(Claim&)>& handler, const RunOptions& options) {
  impl_->open().require_own_process("take from");
  impl_->watch();
  impl_->hard_stop = std::stop_source{};
  Impl::Run{*impl_, handler, options}();
}

}  // namespace spoolq
