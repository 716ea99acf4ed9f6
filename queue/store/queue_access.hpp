// What the libraries of the project share of a Queue.
#pragma once

#include <memory>
#include <utility>

#include "queue/store/open_queue.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::detail {

/// A Queue is a handle of an OpenQueue; only the project's own code may look inside.
struct QueueAccess {
  static const std::shared_ptr<OpenQueue>& open(const Queue& queue) { return queue.open_; }
  static Queue handle(std::shared_ptr<OpenQueue> open) { return Queue{std::move(open)}; }
  static DetachedClaim detached(std::shared_ptr<OpenQueue> queue, MessageInfo info) {
    return {std::move(queue), std::move(info)};
  }
};

}  // namespace spoolq::detail
