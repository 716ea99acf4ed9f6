// When an adopter looks at its folder: once, or until it is stopped.
#include "spoolq/adopter.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "producer/adopt/adopted_folder.hpp"
#include "producer/adopt/adoption.hpp"
#include "producer/adopt/inbox_watch.hpp"
#include "queue/os/wake.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {
namespace {

using detail::Adoption;
using Clock = Adoption::Clock;

/// How long one pass waits for what is settling.
constexpr Duration kPatience{5000};
/// How often all names are read anew: where events report them, and without events.
constexpr Duration kRescan{4000};
constexpr Duration kPollInterval{500};
/// How soon the queue is tried again when it was full.
constexpr Duration kFullRetry{1000};

}  // namespace

class [[gnu::visibility("hidden")]] Adopter::Impl {
 public:
  Impl(Queue queue, const std::filesystem::path& directory, const AdoptOptions& options)
      : queue_{std::move(queue)}, folder_{*detail::QueueAccess::open(queue_), directory, options} {}

  std::vector<Appraisal> appraise() { return Adoption::appraise(folder_); }
  void adopt(const Report& report);
  void follow(const Report& report);
  void stop() noexcept {
    stopped_ = true;
    wake_.set();
  }

 private:
  /// The end of a run: the next one is not stopped.
  void finish() {
    static_cast<void>(wake_.clear());
    stopped_ = false;
  }

  Queue queue_;
  detail::AdoptedFolder folder_;
  detail::Wake wake_;
  std::atomic<bool> stopped_{false};
};

void Adopter::Impl::adopt(const Report& report) {
  Adoption adoption{folder_, stopped_, report};
  adoption.scan();
  adoption.look_at_due();
  const Duration settle =
      folder_.options().done == Completion::stable ? folder_.completeness().settle() : Duration{0};
  // From now on, because taking what is there already may have taken longer.
  const Clock::time_point end = Clock::now() + settle + kPatience;
  while (!stopped_ && !adoption.refusal() && adoption.files().settles_before(end)) {
    detail::wait_for(wake_, adoption.files().time_to_next_look(kRescan));
    adoption.look_at_due();
  }
  if (adoption.refusal() && !stopped_) throw Error{*adoption.refusal()};
  adoption.report_waiting();
  finish();
}

void Adopter::Impl::follow(const Report& report) {
  Adoption adoption{folder_, stopped_, report};
  const detail::InboxWatch watch{folder_.queue(), folder_.descriptor(), folder_.path(), wake_};
  const Duration interval = watch.watching() ? kRescan : kPollInterval;
  Clock::time_point next_scan{};
  while (!stopped_) {
    const auto events = watch.collect();
    if (!events || Clock::now() >= next_scan) {
      folder_.require_in_place();
      adoption.scan();
      next_scan = Clock::now() + interval;
    }
    // Also what happened before the scan: only events report how a file came.
    if (events) adoption.note(*events);
    adoption.look_at_due();
    const auto to_scan = std::chrono::ceil<Duration>(next_scan - Clock::now());
    watch.wait(adoption.refusal() ? kFullRetry
                                  : std::min(to_scan, adoption.files().time_to_next_look(kRescan)));
  }
  finish();
}

Adopter::Adopter(Queue queue, const std::filesystem::path& directory, AdoptOptions options)
    : impl_{std::make_unique<Impl>(std::move(queue), directory, options)} {}
Adopter::Adopter(Adopter&&) noexcept = default;
Adopter& Adopter::operator=(Adopter&&) noexcept = default;
Adopter::~Adopter() = default;

std::vector<Appraisal> Adopter::appraise() { return impl_->appraise(); }
void Adopter::adopt(const Report& report) { impl_->adopt(report); }
void Adopter::follow(const Report& report) { impl_->follow(report); }
void Adopter::stop() noexcept { impl_->stop(); }

}  // namespace spoolq
