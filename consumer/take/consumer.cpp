// Taking messages: try names, scan, wait, and do maintenance on the way.
#include "consumer/take/consumer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "consumer/take/run.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq {
namespace {

using Clock = std::chrono::steady_clock;

/// When a wait of `timeout` that begins now ends. Never, for none and for longer than a clock runs.
Clock::time_point end_of_wait(std::optional<Duration> timeout) {
  const auto now = Clock::now();
  constexpr auto kNever = Clock::time_point::max();
  if (!timeout || *timeout >= std::chrono::floor<Duration>(kNever - now)) return kNever;
  return now + std::max(*timeout, Duration{0});
}

Queue require_takeable(Queue queue) {
  queue.internals()->require_own_process("take from");
  if (queue.is_maildir()) {
    detail::throw_errc(errc::not_a_queue, "take from", queue.path(),
                       fmt::format("a Maildir; 'spoolq init {}' makes it a queue and touches "
                                   "nothing in it",
                                   queue.path()));
  }
  return queue;
}

}  // namespace

Consumer::Impl::Impl(Queue queue)
    : Impl{require_takeable(queue), std::make_shared<detail::ConsumerIdentity>(queue.internals())} {
}

Consumer::Impl::Impl(Queue queue, const std::shared_ptr<detail::ConsumerIdentity>& identity)
    : queue_{std::move(queue)},
      source_{*identity},
      claimer_{identity, source_},
      maintenance_{*identity},
      idle_wait_{open(), identity->consumer(), [this] { tell_arrivals(); }} {}

std::optional<Claim> Consumer::Impl::try_take() {
  open().require_own_process("take from");
  if (idle_wait_.in_external_loop()) {
    // A caller that goes on after an error must not spin, neither on the timer nor on the events.
    idle_wait_.ready_in(detail::kPollTick);
    collect();
  }
  open().durability().require_sound(queue_.path());
  auto claim = take_now();
  if (idle_wait_.in_external_loop()) {
    idle_wait_.ready_in(claim ? Duration{0} : until_next_look());
  }
  return claim;
}

int Consumer::Impl::fd() {
  open().require_own_process("wait for");
  watch();
  return idle_wait_.descriptor();
}

std::optional<Claim> Consumer::Impl::take_now() {
  // Names are left from an earlier call: only events tell of a better one that came since. The
  // first call does without, because to close the watch costs 10 ms.
  if (!source_.empty()) watch();
  collect();
  maintain();
  if (maintenance_.paused()) return std::nullopt;
  if (auto claim = claimer_.claim_next()) return claim;
  if (source_.complete() && idle_wait_.watching()) return std::nullopt;
  do {
    source_.scan();
    // The scan may have missed what came meanwhile, and yet have seen a later name.
    collect();
    if (auto claim = claimer_.claim_next()) return claim;
  } while (!source_.complete());
  return std::nullopt;
}

std::optional<Claim> Consumer::Impl::take(std::optional<Duration> timeout) {
  open().require_own_process("take from");
  const auto deadline = end_of_wait(timeout);
  watch();
  const detail::IdleScope idle{idle_wait_};
  for (;;) {
    idle_wait_.take_wake();
    if (idle_wait_.take_stop() != detail::StopRequest::none) return std::nullopt;
    if (auto claim = try_take()) return claim;
    const auto now = Clock::now();
    if (now >= deadline) return std::nullopt;
    rest(deadline == Clock::time_point::max() ? Duration::max()
                                              : std::chrono::ceil<Duration>(deadline - now));
  }
}

void Consumer::Impl::run(const std::function<void(Claim&)>& handler, const RunOptions& options) {
  open().require_own_process("take from");
  watch();
  idle_wait_.begin_run();
  Run{*this, handler, options}();
}

void Consumer::Impl::rest(Duration limit) {
  if (idle_wait_.leads()) {
    rest_alone(limit);
    return;
  }
  // The leader may not know of a lease that this consumer knows of.
  if (maintenance_.observes_leases()) limit = std::min(limit, until_next_look());
  const detail::Followed followed =
      idle_wait_.follow(std::min(limit, maintenance_.until_lease_end()));
  // What has changed meanwhile is in new/ and later/. The leader did the rest.
  source_.forget();
  maintenance_.resume(followed.events);
  if (followed.error) std::rethrow_exception(followed.error);
}

void Consumer::Impl::rest_alone(Duration limit) {
  idle_wait_.wait(std::min(limit, until_next_look()));
}

void Consumer::Impl::stay_busy(Duration limit) {
  idle_wait_.hand_on();
  collect();
  maintain();
  // What is put now is seen afterwards, so it need not wake this consumer.
  idle_wait_.sleep(std::min(limit, until_next_look()));
}

/// Begins to watch, once.
void Consumer::Impl::watch() {
  if (!idle_wait_.watch()) return;
  // No event tells of what came between the last scan and now.
  source_.forget();
  maintenance_.look_for_pause();
}

void Consumer::Impl::collect() {
  const detail::Events events = idle_wait_.collect();
  maintenance_.note(events);
  source_.note(events);
}

/// The maintenance that is due now.
void Consumer::Impl::maintain() {
  const auto now = Clock::now();
  const bool tick = maintenance_.tick(now, idle_wait_.watching());
  if (tick) source_.tick();
  if (tick || !idle_wait_.watching()) maintenance_.look_for_pause();
  source_.retry_deferred(now);
  if ((tick || maintenance_.has_due()) && maintenance_.move_due().moved > 0) source_.require_scan();
  if (maintenance_.reclaim(now)) source_.require_scan();
  maintenance_.clean(now);
}

/// What this consumer knows of the files that it leaves to others. Other files have to settle.
void Consumer::Impl::tell_arrivals() noexcept {
  try {
    collect();
    source_.tell_arrivals();
  } catch (const std::exception& error) {
    open().log(LogLevel::notice, detail::escaped(error.what()));
  }
}

Duration Consumer::Impl::until_next_look() const {
  const auto now = Clock::now();
  return std::max(Duration{0}, std::min(maintenance_.until_next(now), source_.until_retry(now)));
}

Consumer::Consumer(const std::filesystem::path& path, LogHandler log)
    : Consumer{Queue::open(path, std::move(log))} {}
Consumer::Consumer(Queue queue) : impl_{std::make_unique<Impl>(std::move(queue))} {}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

std::optional<Claim> Consumer::try_take() { return impl_->try_take(); }
std::optional<Claim> Consumer::take(Duration timeout) { return impl_->take(timeout); }
std::optional<Claim> Consumer::take() { return impl_->take(std::nullopt); }
void Consumer::run(const std::function<void(Claim&)>& handler, const RunOptions& options) {
  impl_->run(handler, options);
}
void Consumer::stop(Stop how) noexcept {
  impl_->idle_wait().stop(how == Stop::hard ? detail::StopRequest::hard
                                            : detail::StopRequest::drain);
}
void Consumer::wake() noexcept { impl_->idle_wait().wake(); }
std::stop_token Consumer::stop_token() const { return impl_->idle_wait().stop_token(); }
int Consumer::fd() { return impl_->fd(); }
Queue Consumer::queue() const { return impl_->queue(); }

}  // namespace spoolq
