// Exponential backoff with full jitter.
#include "queue/lifecycle/backoff.hpp"

#include <algorithm>
#include <random>

namespace spoolq::detail {

Duration backoff_limit(const Backoff& backoff, unsigned attempt) {
  Duration limit = backoff.first;
  for (unsigned i = 1; i < attempt && limit < backoff.longest; ++i) {
    // Without `first` there is nothing to double.
    limit = std::max(2 * limit, Duration{1});
  }
  return std::min(limit, backoff.longest);
}

Duration random_backoff(const Backoff& backoff, unsigned attempt) {
  static thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<Duration::rep> span{0, backoff_limit(backoff, attempt).count()};
  return Duration{span(random)};
}

}  // namespace spoolq::detail
