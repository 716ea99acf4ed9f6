// Events of messages out of changes in folders.
#include "consumer/monitor/event_mapper.hpp"

#include <dirent.h>

#include "queue/os/directory_scan.hpp"
#include "queue/store/foreign_files.hpp"

namespace spoolq::detail {
namespace {

/// The name of a message of ours in the folder of `state`.
std::optional<MessageName> parse_in(State state, std::string_view file) {
  if (state == State::delayed) {
    auto delayed = parse_delayed_name(file);
    return delayed ? std::optional{std::move(delayed->name)} : std::nullopt;
  }
  auto name = parse_name(file);
  // Without the field C it is mail of a Maildir.
  if (name && state == State::claimed && name->claim.empty()) return std::nullopt;
  return name;
}

}  // namespace

std::optional<EventKind> kind_of_move(std::optional<State> from, State to) {
  if (from == to) return std::nullopt;
  if (to == State::claimed) return EventKind::claimed;
  if (to == State::failed) return EventKind::failed;
  if (to == State::done) return EventKind::gone;
  if (!from) return EventKind::put;
  return to == State::ready ? EventKind::returned : EventKind::delayed;
}

Event make_event(const OpenQueue& queue, EventKind kind, const MessageName& name,
                 std::optional<State> state) {
  return {.at = queue.now(),
          .kind = kind,
          .id = name.id,
          .state = state,
          .name = name.original,
          .key = name.key,
          .attempts = name.attempts};
}

EventMapper::EventMapper(OpenQueue& queue) : queue_{queue} { look_for_foreign_files(); }

void EventMapper::look_for_foreign_files() {
  foreign_.clear();
  untold_.clear();
  queue_.store().scan(State::ready, [&](const StoredMessage& message) {
    if (!message.is_named) foreign_[message.at.file()] = message.name.id;
    return true;
  });
}

std::optional<MessageId> EventMapper::map(const FolderChange& change, std::deque<Event>& events) {
  const auto tell = [&](EventKind kind, const MessageName& name, std::optional<State> state) {
    events.push_back(make_event(queue_, kind, name, state));
  };
  if (change.overflow) {
    look_for_foreign_files();
    tell(EventKind::overflow, {}, std::nullopt);
    return std::nullopt;
  }
  bool untold = false;
  const auto before = change.from ? leave(*change.from, untold) : std::nullopt;
  // The name may have been another file's, which was written over.
  const auto replaced = change.to && change.to->state == State::ready && !change.created
                            ? foreign_.find(change.to->file)
                            : foreign_.end();
  const auto old_id = replaced == foreign_.end() ? std::nullopt : std::optional{replaced->second};
  const auto after = change.to ? arrive(change, before) : std::nullopt;

  if (before && (!after || after->id != before->id)) {
    // What leaves done/ has been told to be gone when it came there.
    if (change.from->state != State::done) tell(EventKind::gone, *before, std::nullopt);
  }
  if (!after) return std::nullopt;
  if (old_id) {
    if (*old_id == after->id) return after->id;  // Opened for writing and closed again.
    MessageName old;
    old.id = *old_id;
    old.original = after->original;
    tell(EventKind::gone, old, std::nullopt);
  }
  std::optional<State> from;
  if (before && before->id == after->id && !untold) from = change.from->state;
  if (untold) {
    MessageName fresh = *after;
    fresh.attempts = 0;
    tell(EventKind::put, fresh, State::ready);
    from = State::ready;
  }
  if (const auto kind = kind_of_move(from, change.to->state)) tell(*kind, *after, change.to->state);
  return after->id;
}

std::optional<MessageName> EventMapper::leave(const Place& place, bool& untold) {
  auto name = parse_in(place.state, place.file);
  if (place.state != State::ready) return name;
  untold = untold_.erase(place.file) > 0;
  if (name) return name;
  const auto foreign = foreign_.extract(place.file);
  if (foreign.empty()) return std::nullopt;
  name.emplace();
  name->id = foreign.mapped();
  name->original = place.file;
  return name;
}

std::optional<MessageName> EventMapper::arrive(const FolderChange& change,
                                               const std::optional<MessageName>& before) {
  const Place& place = *change.to;
  auto name = parse_in(place.state, place.file);
  if (place.state != State::ready) return name;
  if (classify(queue_, place.file, DT_REG) == EntryKind::left_alone) return std::nullopt;
  if (change.created && !is_complete_when_created(place.file)) {
    untold_.insert(place.file);
    return std::nullopt;
  }
  const bool was_untold = untold_.erase(place.file) > 0;
  if (name) {
    // Opened for writing and closed again.
    if (change.written && !was_untold) return std::nullopt;
    return name;
  }
  name = queue_.store().derive_name(Store::place(State::ready, place.file), place.file);
  if (!name) {
    // It has moved on. Its next name, in cur/, tells its id.
    if (!before) {
      untold_.insert(place.file);
      return std::nullopt;
    }
    name = before;
  }
  foreign_[place.file] = name->id;
  return name;
}

/// A link to a finished file looks like the beginning of a new one. The delivery agents that make
/// Maildir names write elsewhere first; the other link may be gone by now.
bool EventMapper::is_complete_when_created(const std::string& file) const {
  struct stat status = {};
  if (!queue_.store().stat(Store::place(State::ready, file), status).ok()) return false;
  if (!S_ISREG(status.st_mode)) return false;
  if (status.st_nlink > 1) return true;
  if (const auto name = parse_name(file)) {
    return name->size && *name->size == static_cast<std::uint64_t>(status.st_size);
  }
  return is_maildir_name(file) && status.st_size > 0;
}

}  // namespace spoolq::detail
