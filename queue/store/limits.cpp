// Counting, and refusing.
#include "queue/store/limits.hpp"

#include <fmt/core.h>

#include <ctime>

#include "queue/os/throw_error.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/units.hpp"

namespace spoolq::detail {
namespace {

/// A count is believed for so long.
constexpr Duration kBelieved{1000};

/// A clock that nobody sets.
Duration boot_time(const OpenQueue& queue) {
  struct timespec now = {};
  require(queue.sys().clock_gettime(CLOCK_BOOTTIME, now), "clock_gettime", queue.path());
  return Duration{std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000};
}

/// The limit that `load` exceeds, in words; nothing when there is none.
std::optional<std::string> exceeded(const Settings& settings, const Load& load) {
  if (settings.max_messages && load.messages > *settings.max_messages) {
    return fmt::format("max_messages is {}", *settings.max_messages);
  }
  if (settings.max_bytes && load.bytes > *settings.max_bytes) {
    return fmt::format("max_bytes is {}", format_size(*settings.max_bytes));
  }
  return std::nullopt;
}

Load operator+(const Load& a, const Load& b) {
  return {a.messages + b.messages, a.bytes + b.bytes};
}

}  // namespace

void require_max_size(const OpenQueue& queue, std::uint64_t bytes) {
  const auto max_size = queue.settings()->max_size;
  if (!max_size || bytes <= *max_size) return;
  throw_errc(errc::too_large, "put into", queue.path(),
             fmt::format("{} bytes, at most {}", bytes, *max_size));
}

Allowance::Allowance(OpenQueue& queue, std::uint64_t bytes) : queue_{queue} { require({1, bytes}); }

Allowance::~Allowance() {
  Occupancy& occupancy = queue_.occupancy();
  const std::lock_guard lock{occupancy.mutex_};
  occupancy.pending_.messages -= share_.messages;
  occupancy.pending_.bytes -= share_.bytes;
}

void Allowance::grow_to(std::uint64_t bytes) {
  if (bytes > share_.bytes) require({0, bytes - share_.bytes});
}

void Allowance::publish() {
  Occupancy& occupancy = queue_.occupancy();
  const std::lock_guard lock{occupancy.mutex_};
  occupancy.added_ = occupancy.added_ + share_;
  occupancy.pending_.messages -= share_.messages;
  occupancy.pending_.bytes -= share_.bytes;
  share_ = {};
}

void Allowance::require(const Load& more) {
  const auto settings = queue_.settings();
  if (!settings->max_messages && !settings->max_bytes) return;
  Occupancy& occupancy = queue_.occupancy();
  const std::lock_guard lock{occupancy.mutex_};
  const auto load = [&] {
    return occupancy.counted_ + occupancy.added_ + occupancy.pending_ + more;
  };
  const Duration now = boot_time(queue_);
  const bool stale = !occupancy.counted_at_ || now - *occupancy.counted_at_ > kBelieved;
  if (stale || exceeded(*settings, load())) {
    occupancy.counted_ = count_load(queue_);
    occupancy.added_ = {};
    occupancy.counted_at_ = now;
    if (const auto limit = exceeded(*settings, load())) {
      throw_errc(errc::queue_full, "put into", queue_.path(),
                 fmt::format("{} messages with {} bytes are in it, this one has {} or more, {}",
                             occupancy.counted_.messages, occupancy.counted_.bytes,
                             share_.bytes + more.bytes, *limit));
    }
  }
  occupancy.pending_ = occupancy.pending_ + more;
  share_ = share_ + more;
}

}  // namespace spoolq::detail
