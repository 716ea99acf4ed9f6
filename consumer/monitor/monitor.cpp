// Telling what happens in a queue: waiting, and looks that moving messages do not escape.
#include "spoolq/monitor.hpp"

#include <algorithm>
#include <limits>

#include "consumer/monitor/event_mapper.hpp"
#include "consumer/monitor/folder_events.hpp"
#include "consumer/monitor/snapshot_diff.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/inotify.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {
namespace {

using detail::Folder;
using detail::StoredMessage;
using Clock = std::chrono::steady_clock;

/// How often it looks where inotify has nothing to tell.
constexpr Duration kPollInterval{500};
/// So many looks must miss a message there before it counts as not there.
constexpr int kBlindLooks = 3;

constexpr std::array kStates{State::ready, State::delayed, State::claimed, State::failed,
                             State::done};

}  // namespace

std::string_view to_string(EventKind kind) {
  constexpr std::array<std::string_view, 7> kNames{"put",     "claimed", "gone",    "returned",
                                                   "delayed", "failed",  "overflow"};
  return kNames.at(static_cast<std::size_t>(kind));
}

struct [[gnu::visibility("hidden")]] Monitor::Impl {
  explicit Impl(Queue opened);

  [[nodiscard]] detail::OpenQueue& open() const { return *detail::QueueAccess::open(queue); }
  [[nodiscard]] bool watching() const { return folder_events.watching(); }
  std::optional<Event> next(std::optional<Duration> timeout);
  /// Moves what has happened to `events`.
  void collect();
  void scan(State state, const std::function<bool(const StoredMessage&)>& visit);
  /// Looks until `look` found what it wants, or nothing moved meanwhile that it may have missed.
  void look_until_certain(const std::function<bool()>& look,
                          const std::function<bool(const MessageId&)>& may_be_missed);
  /// There are no more than `count_max` of them.
  std::map<MessageId, MessageInfo> find_if(const std::function<bool(const MessageId&)>& wanted,
                                           std::size_t count_max);

  Queue queue;
  detail::Wake wake;
  detail::FolderEvents folder_events;
  std::optional<detail::EventMapper> event_mapper;    ///< With inotify.
  std::optional<detail::SnapshotDiff> snapshot_diff;  ///< Without.
  Clock::time_point next_look = Clock::now() + kPollInterval;
  std::deque<Event> events;
  std::vector<MessageId> moved;  ///< Messages with another place or name since the last look.
  bool overflow = false;         ///< And there may be others.
};

Monitor::Impl::Impl(Queue opened) : queue{std::move(opened)}, folder_events{open()} {
  open().require_own_process("watch");
  if (watching()) {
    event_mapper.emplace(open());
  } else {
    snapshot_diff.emplace(open());
  }
}

std::optional<Event> Monitor::Impl::next(std::optional<Duration> timeout) {
  open().require_own_process("watch");
  const auto end = detail::end_of_wait(timeout);
  for (;;) {
    if (events.empty()) collect();
    if (wake.clear()) return std::nullopt;
    if (!events.empty()) {
      Event event = std::move(events.front());
      events.pop_front();
      return event;
    }
    if (Clock::now() >= end) return std::nullopt;
    if (folder_events.half_read()) continue;
    const auto until = watching() ? end : std::min(end, next_look);
    detail::wait_for(wake, std::chrono::ceil<Duration>(until - Clock::now()),
                     folder_events.descriptor());
  }
}

void Monitor::Impl::collect() {
  if (event_mapper) {
    moved.clear();
    overflow = false;
    for (const detail::FolderChange& change : folder_events.collect()) {
      if (const auto id = event_mapper->map(change, events)) moved.push_back(*id);
      overflow = overflow || change.overflow;
    }
  } else if (Clock::now() >= next_look) {
    snapshot_diff->compare(events);
    next_look = Clock::now() + kPollInterval;
  }
}

void Monitor::Impl::scan(State state, const std::function<bool(const StoredMessage&)>& visit) {
  open().store().scan(state, [&](const StoredMessage& message) {
    if (event_mapper && state == State::ready && !detail::parse_name(message.at.file())) {
      event_mapper->note(message.at.file(), message.name.id);
    }
    return visit(message);
  });
}

void Monitor::Impl::look_until_certain(const std::function<bool()>& look,
                                       const std::function<bool(const MessageId&)>& may_be_missed) {
  open().require_own_process("look into");
  for (int looks = 1;; ++looks) {
    collect();
    if (look()) return;
    if (!watching()) {
      if (looks >= kBlindLooks) return;
      continue;
    }
    // What left a folder before we looked into it has its events queued by now.
    collect();
    if (!overflow && std::none_of(moved.begin(), moved.end(), may_be_missed)) return;
  }
}

std::map<MessageId, MessageInfo> Monitor::Impl::find_if(
    const std::function<bool(const MessageId&)>& wanted, std::size_t count_max) {
  std::map<MessageId, MessageInfo> found;
  const auto look = [&] {
    for (const State state : kStates) {
      scan(state, [&](const StoredMessage& message) {
        if (wanted(message.name.id)) {
          found.insert_or_assign(message.name.id, detail::describe(open(), state, message));
        }
        return true;
      });
    }
    return found.size() >= count_max;
  };
  look_until_certain(look, [&](const MessageId& id) { return wanted(id) && !found.contains(id); });
  return found;
}

Monitor::Monitor(const std::filesystem::path& path, LogHandler log)
    : Monitor{Queue::open(path, std::move(log))} {}
Monitor::Monitor(Queue queue) : impl_{std::make_unique<Impl>(std::move(queue))} {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

std::optional<Event> Monitor::next(Duration timeout) { return impl_->next(timeout); }
std::optional<Event> Monitor::next() { return impl_->next(std::nullopt); }
void Monitor::stop() noexcept { impl_->wake.set(); }
std::map<MessageId, MessageInfo> Monitor::find(const std::set<MessageId>& ids) {
  return impl_->find_if([&ids](const MessageId& id) { return ids.contains(id); }, ids.size());
}
std::map<MessageId, MessageInfo> Monitor::find_if(
    const std::function<bool(const MessageId&)>& wanted) {
  return impl_->find_if(wanted, std::numeric_limits<std::size_t>::max());
}
std::optional<MessageInfo> Monitor::find_any(const std::vector<State>& states) {
  std::optional<MessageInfo> found;
  const auto look = [&] {
    for (const State state : states) {
      impl_->scan(state, [&](const StoredMessage& message) {
        found = detail::describe(impl_->open(), state, message);
        return false;
      });
      if (found) return true;
    }
    return false;
  };
  impl_->look_until_certain(look, [](const MessageId&) { return true; });
  return found;
}

bool Monitor::is_set_aside(const MessageId& id) const {
  return impl_->open().store().is_in_quarantine(id);
}

const Queue& Monitor::queue() const { return impl_->queue; }

}  // namespace spoolq
