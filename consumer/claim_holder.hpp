// The inside of a ClaimHolder.
#pragma once

#include <array>
#include <string>

#include "queue/liveness.hpp"
#include "queue/open_queue.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq {

/// Everything is prepared by the constructor: the rest allocates nothing and throws nothing.
class [[gnu::visibility("hidden")]] ClaimHolder::Impl {
 public:
  explicit Impl(const detail::Registration& registration);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  bool move_to(int first) noexcept;

 private:
  std::array<int, kDescriptors> fds_{-1, -1};
};

}  // namespace spoolq
