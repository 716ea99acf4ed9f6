// Taking messages: try names, scan, wait, and do maintenance on the way.
#include "consumer/take/consumer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "queue/os/inotify.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {
namespace {

using Clock = std::chrono::steady_clock;

/// Consumers that are woken together try their claims this far apart at most.
constexpr std::chrono::microseconds kJitterMax{4000};

void require_takeable(const Queue& queue) {
  detail::QueueAccess::open(queue)->require_own_process("take from");
  if (!queue.is_maildir()) return;
  detail::throw_errc(errc::not_a_queue, "take from", queue.path(),
                     fmt::format("a Maildir; 'spoolq init {}' makes it a queue and touches "
                                 "nothing in it",
                                 queue.path()));
}

}  // namespace

Consumer::Impl::Impl(Queue opened, const std::shared_ptr<detail::ConsumerIdentity>& identity)
    : queue{std::move(opened)},
      source{*identity},
      claimer{identity, source},
      maintenance{*identity},
      watcher{open()} {}

std::optional<Claim> Consumer::Impl::try_take() {
  open().require_own_process("take from");
  if (watcher.in_external_loop()) {
    // A caller that goes on after an error must not spin, neither on the timer nor on the events.
    watcher.ready_in(detail::kPollTick);
    collect();
  }
  open().durability().require_sound(queue.path());
  auto claim = take_now();
  if (watcher.in_external_loop()) {
    watcher.ready_in(claim ? Duration{0} : until_next_look());
  }
  return claim;
}

std::optional<Claim> Consumer::Impl::take_now() {
  // Names are left from an earlier call: only events tell of a better one that came since. The
  // first call does without, because to close the watch costs 10 ms.
  if (!source.empty()) watch();
  collect();
  maintain();
  if (maintenance.paused()) return std::nullopt;
  if (auto claim = claimer.claim_next()) return claim;
  if (source.complete() && watcher.watching()) return std::nullopt;
  do {
    source.scan();
    // The scan may have missed what came meanwhile, and yet have seen a later name.
    collect();
    if (auto claim = claimer.claim_next()) return claim;
  } while (!source.complete());
  return std::nullopt;
}

std::optional<Claim> Consumer::Impl::take(std::optional<Duration> timeout) {
  open().require_own_process("take from");
  const auto deadline = detail::end_of_wait(timeout);
  watch();
  for (;;) {
    watcher.take_wake();
    if (watcher.take_stop() != detail::StopRequest::none) return std::nullopt;
    if (auto claim = try_take()) return claim;
    const auto now = Clock::now();
    if (now >= deadline) return std::nullopt;
    rest(std::chrono::ceil<Duration>(deadline - now));
  }
}

void Consumer::Impl::rest(Duration limit) {
  if (!watcher.wait(std::min(limit, until_next_look())) || !source.contended()) return;
  // All that wait are woken. The one that has got the last message goes first.
  std::uniform_int_distribution<std::int64_t> jitter{0, kJitterMax.count()};
  std::this_thread::sleep_for(std::chrono::microseconds{jitter(random)});
}

void Consumer::Impl::stay_busy(Duration limit) {
  collect();
  maintain();
  // What is put now is seen afterwards, so it need not wake this consumer.
  watcher.sleep(std::min(limit, until_next_look()));
}

void Consumer::Impl::watch() {
  if (!watcher.start()) return;
  // No event tells of what came between the last scan and now.
  source.forget();
  maintenance.begin_watch();
}

void Consumer::Impl::collect() {
  const detail::Events events = watcher.collect();
  maintenance.note(events);
  source.note(events);
}

/// The maintenance that is due now.
void Consumer::Impl::maintain() {
  const auto now = Clock::now();
  const bool tick = maintenance.tick(now, watcher.watching());
  if (tick) source.tick();
  if (tick || !watcher.watching()) maintenance.look_for_pause();
  source.retry_deferred(now);
  if (maintenance.has_due() && maintenance.move_due() > 0) source.require_scan();
  if (maintenance.reclaim(now)) source.require_scan();
  maintenance.clean(now);
}

Duration Consumer::Impl::until_next_look() const {
  const auto now = Clock::now();
  return std::max(Duration{0}, std::min(maintenance.until_next(now), source.until_retry(now)));
}

Consumer::Consumer(const std::filesystem::path& path, LogHandler log)
    : Consumer{Queue::open(path, std::move(log))} {}
Consumer::Consumer(Queue queue) {
  require_takeable(queue);
  const auto identity =
      std::make_shared<detail::ConsumerIdentity>(detail::QueueAccess::open(queue));
  impl_ = std::make_unique<Impl>(std::move(queue), identity);
}
Consumer::Consumer(Consumer&&) noexcept = default;
Consumer& Consumer::operator=(Consumer&&) noexcept = default;
Consumer::~Consumer() = default;

std::optional<Claim> Consumer::try_take() { return impl_->try_take(); }
std::optional<Claim> Consumer::take(Duration timeout) { return impl_->take(timeout); }
std::optional<Claim> Consumer::take() { return impl_->take(std::nullopt); }
void Consumer::stop(Stop how) noexcept {
  impl_->watcher.stop(how == Stop::hard ? detail::StopRequest::hard : detail::StopRequest::drain);
}
void Consumer::wake() noexcept { impl_->watcher.wake(); }
std::stop_token Consumer::stop_token() const { return impl_->hard_stop.get_token(); }
int Consumer::fd() {
  impl_->open().require_own_process("wait for");
  impl_->watch();
  return impl_->watcher.descriptor();
}
Queue Consumer::queue() const { return impl_->queue; }

}  // namespace spoolq
