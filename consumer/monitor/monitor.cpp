// Telling what happens in a queue: waiting, and looks that moving messages do not escape.
#include "spoolq/monitor.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <limits>
#include <utility>

#include "consumer/monitor/event_mapper.hpp"
#include "consumer/monitor/folder_events.hpp"
#include "consumer/monitor/snapshot_diff.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/os/wake.hpp"
#include "queue/store/listing.hpp"

namespace spoolq {
namespace {

using detail::Folder;
using detail::StoredMessage;
using Clock = std::chrono::steady_clock;

/// How often it looks where inotify has nothing to tell.
constexpr Duration kPollInterval{500};
/// So many looks must miss a message there before it counts as not there.
constexpr int kBlindLooks = 3;
/// The longest single poll(2), whose limit is an int.
constexpr Duration kPollMax{60'000};

constexpr std::array kStates{State::ready, State::delayed, State::claimed, State::failed,
                             State::done};

}  // namespace

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::put:
      return "put";
    case EventKind::claimed:
      return "claimed";
    case EventKind::gone:
      return "gone";
    case EventKind::returned:
      return "returned";
    case EventKind::delayed:
      return "delayed";
    case EventKind::failed:
      return "failed";
    case EventKind::overflow:
      break;
  }
  return "overflow";
}

class [[gnu::visibility("hidden")]] Monitor::Impl {
 public:
  explicit Impl(Queue queue);

  std::optional<Event> next(std::optional<Duration> timeout);
  void stop() noexcept { wake_.set(); }
  /// There are no more than `count_max` of them.
  std::map<MessageId, MessageInfo> find_if(const std::function<bool(const MessageId&)>& wanted,
                                           std::size_t count_max);
  std::optional<MessageInfo> find_any(const std::vector<State>& states);
  [[nodiscard]] bool is_set_aside(const MessageId& id) const;
  [[nodiscard]] const Queue& queue() const { return queue_; }

 private:
  [[nodiscard]] detail::OpenQueue& open() const { return *queue_.internals(); }
  [[nodiscard]] bool watching() const { return folder_events_.watching(); }
  /// Moves what has happened to events_.
  void collect();
  /// Sleeps until an event, stop(), or `end`.
  void sleep_until(Clock::time_point end) const;
  void scan(State state, const std::function<bool(const StoredMessage&)>& visit);
  /// Looks until `look` found what it wants, or nothing moved meanwhile that it may have missed.
  void look_until_certain(const std::function<bool()>& look,
                          const std::function<bool(const MessageId&)>& may_be_missed);

  Queue queue_;
  detail::Wake wake_;
  detail::FolderEvents folder_events_;
  std::optional<detail::EventMapper> event_mapper_;    ///< With inotify.
  std::optional<detail::SnapshotDiff> snapshot_diff_;  ///< Without.
  Clock::time_point next_look_;
  std::deque<Event> events_;
  std::vector<MessageId>
      moved_;              ///< Messages that changed their place or name since the last look.
  bool overflow_ = false;  ///< And there may be others.
};

Monitor::Impl::Impl(Queue queue)
    : queue_{std::move(queue)}, folder_events_{open()}, next_look_{Clock::now() + kPollInterval} {
  open().require_own_process("watch");
  if (watching()) {
    event_mapper_.emplace(open());
  } else {
    snapshot_diff_.emplace(open());
  }
}

std::optional<Event> Monitor::Impl::next(std::optional<Duration> timeout) {
  open().require_own_process("watch");
  const auto begin = Clock::now();
  constexpr auto kNever = Clock::time_point::max();
  const bool limited = timeout && *timeout < std::chrono::floor<Duration>(kNever - begin);
  const auto end = limited ? begin + std::max(*timeout, Duration{0}) : kNever;
  for (;;) {
    if (events_.empty()) collect();
    if (wake_.clear()) return std::nullopt;
    if (!events_.empty()) {
      Event event = std::move(events_.front());
      events_.pop_front();
      return event;
    }
    if (Clock::now() >= end) return std::nullopt;
    if (!folder_events_.half_read()) sleep_until(watching() ? end : std::min(end, next_look_));
  }
}

void Monitor::Impl::collect() {
  if (event_mapper_) {
    moved_.clear();
    overflow_ = false;
    for (const detail::FolderChange& change : folder_events_.collect()) {
      if (const auto moved = event_mapper_->map(change, events_)) moved_.push_back(*moved);
      overflow_ = overflow_ || change.overflow;
    }
  } else if (Clock::now() >= next_look_) {
    snapshot_diff_->compare(events_);
    next_look_ = Clock::now() + kPollInterval;
  }
}

void Monitor::Impl::sleep_until(Clock::time_point end) const {
  const auto left =
      std::chrono::ceil<Duration>(std::min(end - Clock::now(), Clock::duration{kPollMax}));
  std::array<struct pollfd, 2> ready = {
      {{.fd = wake_.descriptor(), .events = POLLIN, .revents = 0},
       {.fd = folder_events_.descriptor(), .events = POLLIN, .revents = 0}}};  // -1 is passed over.
  // A signal whose handler calls stop() has set the wake: nothing is missed by going on.
  static_cast<void>(::poll(ready.data(), ready.size(),
                           static_cast<int>(std::max<std::int64_t>(left.count(), 0))));
}

void Monitor::Impl::scan(State state, const std::function<bool(const StoredMessage&)>& visit) {
  open().store().scan(state, [&](const StoredMessage& message) {
    if (event_mapper_ && state == State::ready && !detail::parse_name(message.at.file())) {
      event_mapper_->note(message.at.file(), message.name.id);
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
    if (!overflow_ && std::none_of(moved_.begin(), moved_.end(), may_be_missed)) return;
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

std::optional<MessageInfo> Monitor::Impl::find_any(const std::vector<State>& states) {
  std::optional<MessageInfo> found;
  const auto look = [&] {
    for (const State state : states) {
      scan(state, [&](const StoredMessage& message) {
        found = detail::describe(open(), state, message);
        return false;
      });
      if (found) return true;
    }
    return false;
  };
  look_until_certain(look, [](const MessageId&) { return true; });
  return found;
}

bool Monitor::Impl::is_set_aside(const MessageId& id) const {
  return open().store().is_in_quarantine(id);
}

Monitor::Monitor(const std::filesystem::path& path, LogHandler log)
    : Monitor{Queue::open(path, std::move(log))} {}
Monitor::Monitor(Queue queue) : impl_{std::make_unique<Impl>(std::move(queue))} {}
Monitor::Monitor(Monitor&&) noexcept = default;
Monitor& Monitor::operator=(Monitor&&) noexcept = default;
Monitor::~Monitor() = default;

std::optional<Event> Monitor::next(Duration timeout) { return impl_->next(timeout); }
std::optional<Event> Monitor::next() { return impl_->next(std::nullopt); }
void Monitor::stop() noexcept { impl_->stop(); }
std::map<MessageId, MessageInfo> Monitor::find(const std::set<MessageId>& ids) {
  return impl_->find_if([&ids](const MessageId& id) { return ids.contains(id); }, ids.size());
}
std::map<MessageId, MessageInfo> Monitor::find_if(
    const std::function<bool(const MessageId&)>& wanted) {
  return impl_->find_if(wanted, std::numeric_limits<std::size_t>::max());
}
std::optional<MessageInfo> Monitor::find_any(const std::vector<State>& states) {
  return impl_->find_any(states);
}
bool Monitor::is_set_aside(const MessageId& id) const { return impl_->is_set_aside(id); }
const Queue& Monitor::queue() const { return impl_->queue(); }

}  // namespace spoolq
