// Due and expired messages.
#include "queue/maintenance/due.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "queue/lifecycle/transitions.hpp"
#include "queue/maintenance/attempt.hpp"
#include "queue/os/directory_scan.hpp"

namespace spoolq::detail {

void move_one_due(OpenQueue& queue, const StoredMessage& message, DueResult& result) {
  const bool done = attempt(queue, message.at.file(), [&] {
    if (make_due(queue, message)) ++result.moved;
  });
  if (!done) ++result.left;
}

DueResult move_due(OpenQueue& queue, const std::function<void(const StoredMessage&)>& visit) {
  DueResult result;
  const Time now = queue.now();
  std::vector<StoredMessage> due;
  queue.store().scan(State::delayed, [&](const StoredMessage& message) {
    if (*message.due <= now) {
      due.push_back(message);
    } else {
      result.next = std::min(result.next.value_or(*message.due), *message.due);
      if (visit) visit(message);
    }
    return true;
  });
  std::sort(due.begin(), due.end(),
            [](const auto& a, const auto& b) { return a.at.file() < b.at.file(); });
  for (const StoredMessage& message : due) move_one_due(queue, message, result);
  return result;
}

std::uint64_t expire_ready(OpenQueue& queue) {
  const Time now = queue.now();
  std::vector<StoredMessage> expired;
  const auto collect = [&](const StoredMessage& message) {
    if (message.name.expires && *message.name.expires <= now) expired.push_back(message);
    return true;
  };
  queue.store().scan(State::ready, collect, Store::Foreign::skipped);
  std::uint64_t moved = 0;
  for (const StoredMessage& message : expired) {
    attempt(queue, message.at.file(), [&] {
      if (expire(queue, message)) ++moved;
    });
  }
  return moved;
}

}  // namespace spoolq::detail
