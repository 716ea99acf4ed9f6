// Comparing looks into the folders.
#include "consumer/monitor/snapshot_diff.hpp"

#include "consumer/monitor/event_mapper.hpp"
#include "queue/store/listing.hpp"

namespace spoolq::detail {

SnapshotDiff::ById SnapshotDiff::look() {
  ById found;
  // A message that moves on meanwhile is met twice; the later place counts.
  for (const State state :
       {State::ready, State::delayed, State::claimed, State::failed, State::done}) {
    queue_.store().scan(state, [&](const StoredMessage& message) {
      found.insert_or_assign(message.name.id, Seen{state, message.name});
      return true;
    });
  }
  return found;
}

void SnapshotDiff::compare(std::deque<Event>& events) {
  const auto tell = [&](EventKind kind, const Seen& seen, std::optional<State> state) {
    events.push_back(make_event(queue_, kind, seen.name, state));
  };
  ById now = look();
  for (auto& [id, seen] : now) {
    const auto known = snapshot_.find(id);
    std::optional<State> from;
    if (known != snapshot_.end()) from = known->second.state;
    if (const auto kind = kind_of_move(from, seen.state)) tell(*kind, seen, seen.state);
  }
  for (auto& [id, seen] : snapshot_) {
    if (now.contains(id)) continue;
    // A message that moves from a folder not yet looked at to one already looked at is not found.
    if (!std::exchange(seen.missing, true)) {
      now.emplace(id, std::move(seen));
    } else if (seen.state != State::done) {
      tell(EventKind::gone, seen, std::nullopt);
    }
  }
  snapshot_ = std::move(now);
}

}  // namespace spoolq::detail
