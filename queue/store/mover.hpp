// The owner of claims that are not for work.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

#include "queue/store/consumer_locks.hpp"

namespace spoolq::detail {

/// The owner of all claims for moves that one open queue makes. Any thread.
class Mover {
 public:
  explicit Mover(OpenQueue& queue) : registration_{queue} {}
  /// A C field that was not used before.
  std::string next_claim();

 private:
  Registration registration_;
  std::atomic<std::uint32_t> claims_{0};
};

}  // namespace spoolq::detail
