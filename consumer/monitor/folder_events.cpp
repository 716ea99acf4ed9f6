// inotify(7) over the folders of messages.
#include "consumer/monitor/folder_events.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <limits>

#include "queue/store/watches.hpp"

namespace spoolq::detail {
namespace {

constexpr std::uint32_t kMask = IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR;
/// Only in new/ do files of other programs appear otherwise than by a rename.
constexpr std::uint32_t kReadyMask = kMask | IN_CREATE | IN_CLOSE_WRITE;
/// A folder that is removed. IN_DELETE_SELF does not come as long as we have it open.
constexpr std::uint32_t kRootMask = IN_DELETE | IN_ONLYDIR;

/// A source whose target is not told either.
constexpr std::size_t kDropped = std::numeric_limits<std::size_t>::max();

}  // namespace

FolderEvents::FolderEvents(OpenQueue& queue) : queue_{queue} {
  // Events of other machines, or of a FUSE server, do not reach us.
  if (!queue_.locks_prove_death() || polling_is_forced()) return;
  if (inotify_.open() && watch_folders()) return;
  queue_.log(LogLevel::warning,
             fmt::format("cannot watch ({}); looking at intervals instead", std::strerror(errno)));
  inotify_.close();
}

bool FolderEvents::watch_folders() {
  root_watch_ = watch_root(queue_, inotify_, kRootMask);
  if (root_watch_ < 0) return false;
  const auto watch_folder = [this](State state) {
    if (!queue_.store().has(state)) return true;  // a Maildir
    const int watch =
        watch_messages(queue_, inotify_, state, state == State::ready ? kReadyMask : kMask);
    if (watch >= 0) watches_[watch] = state;
    return watch >= 0;
  };
  constexpr std::array kStates{State::ready, State::claimed, State::delayed, State::failed,
                               State::done};
  return std::all_of(kStates.begin(), kStates.end(), watch_folder);
}

std::vector<FolderChange> FolderEvents::collect() {
  std::vector<FolderChange> changes;
  if (!watching()) return changes;
  changes.swap(held_);
  read_queued(changes);
  const std::size_t settled = changes.size();
  std::set<State> folders;
  for (const auto& [cookie, source] : open_) {
    if (source != kDropped) folders.insert(changes[source].from->state);
  }
  if (!folders.empty()) {
    pass_barrier(folders);
    read_queued(changes);
  }
  if (overflow_) {
    drop_halves();
    changes.emplace_back().overflow = true;
    return changes;
  }
  // Sources from before the barrier went out of the queue. Later ones, and what follows them, wait.
  std::size_t end = changes.size();
  for (const auto& [cookie, source] : open_) {
    if (source != kDropped && source >= settled) end = std::min(end, source);
  }
  held_.assign(std::make_move_iterator(changes.begin() + static_cast<std::ptrdiff_t>(end)),
               std::make_move_iterator(changes.end()));
  changes.resize(end);
  for (auto source = open_.begin(); source != open_.end();) {
    const bool over = source->second != kDropped && source->second < end;
    if (source->second != kDropped && !over) source->second -= end;
    source = over ? open_.erase(source) : std::next(source);
  }
  return changes;
}

/// Reads what is queued now: others may add to it faster than it is read.
void FolderEvents::read_queued(std::vector<FolderChange>& changes) {
  for (std::size_t queued = inotify_.queued(); queued > 0 && !overflow_;) {
    const std::size_t size =
        inotify_.read([&](const InotifyEvent& event) { read_event(event, changes); });
    if (size == 0) return;
    queued -= std::min(size, queued);
  }
}

/// The kernel says once that it drops events, so what comes after that may lack anything, too. What
/// counts again are renames that begin now: of others there may be the one event only.
void FolderEvents::drop_halves() {
  std::set<State> folders;
  for (const auto& [watch, state] : watches_) folders.insert(state);
  dropping_ = true;
  std::vector<FolderChange> none;
  while (overflow_) {
    overflow_ = false;
    read_queued(none);
    pass_barrier(folders);
    read_queued(none);
  }
  dropping_ = false;
}

void FolderEvents::read_event(const InotifyEvent& event, std::vector<FolderChange>& changes) {
  if (event.overflow()) {
    // Where these files went is not known.
    for (auto& [cookie, source] : open_) {
      if (source != kDropped) changes[source].from.reset();
      source = kDropped;
    }
    overflow_ = true;
    dropping_ = true;
  } else if (event.watch == root_watch_) {
    if (event.is_directory()) require_folders();
  } else if (const auto watch = watches_.find(event.watch);
             watch != watches_.end() && !event.name.empty() && !event.is_directory()) {
    add(changes, event, watch->second);
  }
}

void FolderEvents::add(std::vector<FolderChange>& changes, const InotifyEvent& event, State state) {
  Place place{state, std::string{event.name}};
  if ((event.mask & IN_MOVED_TO) != 0) {
    if (const auto source = open_.find(event.cookie); source != open_.end()) {
      if (source->second != kDropped) changes[source->second].to = std::move(place);
      open_.erase(source);
      return;
    }
  }
  if ((event.mask & IN_MOVED_FROM) != 0) {
    open_[event.cookie] = dropping_ ? kDropped : changes.size();
  }
  if (dropping_) return;
  FolderChange& change = changes.emplace_back();
  change.created = (event.mask & IN_CREATE) != 0;
  change.written = (event.mask & IN_CLOSE_WRITE) != 0;
  const bool left = (event.mask & (IN_MOVED_FROM | IN_DELETE)) != 0;
  (left ? change.from : change.to) = std::move(place);
}

/// Waits until the renames are over that have begun in these folders.
void FolderEvents::pass_barrier(const std::set<State>& folders) const {
  for (const State state : folders) static_cast<void>(queue_.store().has_files(state));
}

void FolderEvents::require_folders() const {
  for (const auto& [watch, state] : watches_) {
    queue_.store().require_folder(state, "watch");
  }
}

}  // namespace spoolq::detail
