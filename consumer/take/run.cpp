// Consumer::run(): one thread looks for messages and waits, handlers deal with them on others.
#include <algorithm>
#include <utility>

#include "consumer/take/consumer.hpp"
#include "queue/maintenance/due.hpp"

namespace spoolq {
namespace {

using Clock = std::chrono::steady_clock;
using detail::StopRequest;

/// A file that is still being written keeps a run that is to end with the last message for so long
/// beyond the setting `settle`.
constexpr Duration kSettlingGrace{1000};

}  // namespace

/// One call of run().
class Consumer::Impl::Run {
 public:
  Run(Impl& consumer, const std::function<void(Claim&)>& handler, const RunOptions& options)
      : consumer_{consumer},
        options_{options},
        handlers_{consumer.open(), handler, options, consumer.hard_stop_.get_token(),
                  [&consumer] { consumer.watcher_.wake(); }} {}

  void operator()() {
    try {
      const detail::EndOfLeadership no_longer_idle{consumer_.leader_election_};
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
  /// Until something ends the run.
  void take_messages() {
    for (;;) {
      // Asked first: a handler that ends from here on wakes the wait below.
      consumer_.watcher_.take_wake();
      if (stop_requested() || handlers_.error()) return;
      const Duration until_tick = tick();
      const std::size_t unfinished = handlers_.unfinished();
      const bool room = unfinished < places();
      const Duration pace = room && options_.pace ? options_.pace() : Duration{0};
      if (pace > Duration{0} && unfinished == 0 && !consumer_.anything_ready() && nothing_left()) {
        return;
      }
      if (!room || pace > Duration{0}) {
        stay_busy(room ? std::min(pace, until_tick) : until_tick);
        continue;
      }
      if (auto claim = consumer_.try_take()) {
        handlers_.hand(std::move(*claim));
        idle_since_.reset();
        continue;
      }
      if (unfinished == 0 && nothing_left()) return;
      // Another one that watches does not tell that there is nothing left.
      if (options_.until == RunOptions::Until::stopped) {
        consumer_.rest(until_tick);
      } else {
        consumer_.rest_alone(until_tick);
      }
    }
  }

  /// How many messages may be claimed at a time. A lease is for handlers: what waits for one would
  /// use it up.
  std::size_t places() {
    const std::size_t handlers = std::max(options_.concurrency, 1U);
    return handlers + (consumer_.open().settings()->lease ? 0 : options_.prefetch);
  }

  bool stop_requested() {
    const StopRequest request = consumer_.watcher_.take_stop();
    if (request == StopRequest::hard) consumer_.hard_stop_.request_stop();
    return request != StopRequest::none;
  }

  /// Takes nothing for a while. What is to be done for all goes on, and nobody waits for us.
  void stay_busy(Duration limit) {
    consumer_.leader_election_.hand_on();
    consumer_.look_at_events();
    consumer_.keep_up();
    // What is put now will be seen afterwards: it need not wake us.
    consumer_.watcher_.sleep(std::min(limit, consumer_.until_next_look(Clock::now())));
  }

  /// Nothing is left that this run is to wait for, and no handler runs.
  bool nothing_left() {
    if (options_.until == RunOptions::Until::stopped) return false;
    const auto now = Clock::now();
    if (!idle_since_) idle_since_ = now;
    // A file without an end in sight is not waited for.
    const Duration patience = consumer_.open().settings()->settle + kSettlingGrace;
    if (now <= consumer_.settling_until_ && now - *idle_since_ < patience) return false;
    if (options_.until == RunOptions::Until::ready_empty) return true;
    const detail::DueResult due = detail::move_due(consumer_.open());
    consumer_.next_due_ = due.next;
    return due.moved == 0 && !due.next;
  }

  /// Until the last one has ended.
  void await_handlers() {
    for (;;) {
      consumer_.watcher_.take_wake();
      if (handlers_.unfinished() == 0) return;
      stop_requested();
      consumer_.watcher_.sleep(tick_while_ending());
    }
  }

  /// Calls on_tick when it is time, and tells how long until the next time.
  Duration tick() {
    if (options_.tick <= Duration{0} || !options_.on_tick) return Duration::max();
    const auto now = Clock::now();
    if (now >= next_tick_) {
      next_tick_ = now + options_.tick;
      options_.on_tick();
    }
    return std::max(std::chrono::ceil<Duration>(next_tick_ - now), Duration{0});
  }

  /// The same while handlers that run are waited for: an on_tick that throws is called no more, and
  /// what it threw is told once they have ended.
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
  const RunOptions& options_;
  std::exception_ptr error_;
  bool ticking_ = true;
  Clock::time_point next_tick_{};
  /// Since when there was nothing to take.
  std::optional<Clock::time_point> idle_since_;
  detail::Handlers handlers_;  // Last: its threads end before what they use.
};

void Consumer::Impl::run(const std::function<void(Claim&)>& handler, const RunOptions& options) {
  process_.require_own("take from", queue_.path().c_str());
  watch();
  hard_stop_ = std::stop_source{};
  Run{*this, handler, options}();
}

}  // namespace spoolq
