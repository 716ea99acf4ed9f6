// Comparing looks into the folders.
#include "consumer/monitor/snapshot_diff.hpp"

#include <utility>

#include "consumer/monitor/event_mapper.hpp"
#include "queue/store/listing.hpp"

namespace spoolq::detail {

Sightings::ById Sightings::look() {
  ById found;
  // A message that moves on meanwhile is met twice; the later place counts.
  for (const State state :
       {State::ready, State::delayed, State::claimed, State::failed, State::done}) {
    queue_.store().scan(state, [&](const StoredMessage& message) {
      found.insert_or_assign(message.name.id, Sighting{state, message.name});
      return true;
    });
  }
  return found;
}

void Sightings::compare(std::deque<Event>& events) {
  const auto tell = [&](EventKind kind, const Sighting& sighting, std::optional<State> state) {
    events.push_back(make_event(queue_, kind, sighting.name, state));
  };
  ById now = look();
  for (auto& [id, sighting] : now) {
    const auto known = sightings_.find(id);
    std::optional<State> from;
    if (known != sightings_.end()) from = known->second.state;
    if (const auto kind = kind_of_move(from, sighting.state)) tell(*kind, sighting, sighting.state);
  }
  for (auto& [id, sighting] : sightings_) {
    if (now.contains(id)) continue;
    // A message that moves from a folder not yet looked at to one already looked at is not found.
    if (!std::exchange(sighting.missing, true)) {
      now.emplace(id, std::move(sighting));
    } else if (sighting.state != State::done) {
      tell(EventKind::gone, sighting, std::nullopt);
    }
  }
  sightings_ = std::move(now);
}

}  // namespace spoolq::detail
