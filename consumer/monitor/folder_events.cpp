// inotify(7) over the folders of messages.
#include "consumer/monitor/folder_events.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <limits>

#include "queue/os/directory_scan.hpp"
#include "queue/os/inotify.hpp"
#include "queue/os/polling.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

constexpr std::uint32_t kMask = IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ONLYDIR;
/// Only in new/ do files of other programs appear otherwise than by a rename.
constexpr std::uint32_t kReadyMask = kMask | IN_CREATE | IN_CLOSE_WRITE;
/// A folder that is removed. IN_DELETE_SELF does not come as long as we have it open.
constexpr std::uint32_t kRootMask = IN_DELETE | IN_ONLYDIR;
constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

/// A source whose target is not told either.
constexpr std::size_t kDropped = std::numeric_limits<std::size_t>::max();

}  // namespace

FolderEvents::FolderEvents(OpenQueue& queue) : queue_{queue} {
  // Events of other machines, or of a FUSE server, do not reach us.
  if (!queue_.locks_prove_death() || polling_is_forced()) return;
  inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify_ >= 0 && watch_folders()) return;
  queue_.log(LogLevel::warning,
             fmt::format("cannot watch ({}); looking at intervals instead", std::strerror(errno)));
  if (inotify_ >= 0) ::close(inotify_);
  inotify_ = -1;
}

FolderEvents::~FolderEvents() {
  if (inotify_ >= 0) ::close(inotify_);
}

bool FolderEvents::watch_folders() {
  root_watch_ = add_watch(inotify_, queue_.folders().root(), queue_.path(), kRootMask);
  if (root_watch_ < 0) return false;
  const auto watch_folder = [this](State state) {
    const Folder folder = folder_of(state);
    if (!queue_.folders().has(folder)) return true;  // a Maildir
    const int watch = add_watch(inotify_, queue_.fd(folder), queue_.path(folder),
                                state == State::ready ? kReadyMask : kMask);
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
  int queued = 0;
  if (::ioctl(inotify_, FIONREAD, &queued) != 0) return;
  while (queued > 0 && !overflow_) {
    const std::size_t size = read_some(changes);
    if (size == 0) return;
    queued -= static_cast<int>(size);
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

/// One read(2). Returns its size, 0 when there was nothing.
std::size_t FolderEvents::read_some(std::vector<FolderChange>& changes) {
  alignas(inotify_event) std::array<char, kBufferSize> buffer;
  const ssize_t result = ::read(inotify_, buffer.data(), buffer.size());
  if (result <= 0) return 0;
  const auto size = static_cast<std::size_t>(result);
  for (std::size_t position = 0; position < size;) {
    inotify_event event;
    std::memcpy(&event, buffer.data() + position, sizeof event);
    const char* const name = buffer.data() + position + sizeof event;
    position += sizeof event + event.len;
    if ((event.mask & IN_Q_OVERFLOW) != 0) {
      // Nobody knows where these went.
      for (auto& [cookie, source] : open_) {
        if (source != kDropped) changes[source].from.reset();
        source = kDropped;
      }
      overflow_ = true;
      dropping_ = true;
    } else if (event.wd == root_watch_) {
      if ((event.mask & IN_ISDIR) != 0) require_folders();
    } else if (const auto watch = watches_.find(event.wd);
               watch != watches_.end() && event.len > 0 && (event.mask & IN_ISDIR) == 0) {
      add(changes, event.mask, event.cookie, Place{watch->second, name});
    }
  }
  return size;
}

void FolderEvents::add(std::vector<FolderChange>& changes, std::uint32_t mask, std::uint32_t cookie,
                       Place place) {
  if ((mask & IN_MOVED_TO) != 0) {
    if (const auto source = open_.find(cookie); source != open_.end()) {
      if (source->second != kDropped) changes[source->second].to = std::move(place);
      open_.erase(source);
      return;
    }
  }
  if ((mask & IN_MOVED_FROM) != 0) open_[cookie] = dropping_ ? kDropped : changes.size();
  if (dropping_) return;
  FolderChange change;
  change.created = (mask & IN_CREATE) != 0;
  change.written = (mask & IN_CLOSE_WRITE) != 0;
  if ((mask & (IN_MOVED_FROM | IN_DELETE)) != 0) {
    change.from = std::move(place);
  } else {
    change.to = std::move(place);
  }
  changes.push_back(std::move(change));
}

/// Waits until the renames are over that have begun in these folders.
void FolderEvents::pass_barrier(const std::set<State>& folders) const {
  for (const State state : folders) {
    const Folder folder = folder_of(state);
    scan_directory(queue_.sys(), queue_.fd(folder), queue_.path(folder),
                   [](const DirectoryEntry&) { return false; });
  }
}

void FolderEvents::require_folders() const {
  for (const auto& [watch, state] : watches_) {
    const Folder folder = folder_of(state);
    struct stat status = {};
    if (queue_.sys().fstat(queue_.fd(folder), status).ok() && status.st_nlink == 0) {
      throw_errc(errc::not_a_queue, "watch", queue_.path(folder), "it was removed");
    }
  }
}

}  // namespace spoolq::detail
