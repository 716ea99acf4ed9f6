// What a worker has done so far.
#pragma once

#include <atomic>
#include <cstdint>

namespace spoolq::cli {

/// Counted by the threads that run the jobs, read by the one that shows them.
struct WorkCounts {
  std::atomic<std::uint64_t> running{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> retried{0};
  std::atomic<std::uint64_t> failed{0};
};

}  // namespace spoolq::cli
