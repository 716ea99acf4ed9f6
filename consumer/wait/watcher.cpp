// inotify(7) events through a libuv loop.
#include "consumer/wait/watcher.hpp"

#include <fmt/core.h>
#include <uv.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "queue/format/message_name.hpp"
#include "queue/os/inotify.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/pause.hpp"
#include "queue/store/watches.hpp"

namespace spoolq::detail {
namespace {

// IN_MOVED_TO is a put, IN_CREATE may be a finished link or an unfinished copy, IN_CLOSE_WRITE the
// end of one. Claims and acks (moves away, deletions) wake no consumer.
constexpr std::uint32_t kReadyMask =
    IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr std::uint32_t kDelayedMask = IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK;
// A consumer's file is open for writing as long as it lives: the kernel closes it at its death.
constexpr std::uint32_t kConsumersMask = IN_CLOSE_WRITE | IN_ONLYDIR;
// Settings are replaced by a rename; a queue is paused while a file is there.
constexpr std::uint32_t kRootMask =
    IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR;

void require(int result, const char* operation) {
  if (result < 0) throw_errno(-result, operation, "event loop");
}

void note_event(uv_poll_t* handle, int /*status*/, int /*events*/) {
  *static_cast<bool*>(handle->data) = true;
  uv_stop(handle->loop);
}

}  // namespace

struct Watcher::Loop {
  uv_loop_t loop{};
  uv_async_t wake{};
  uv_timer_t timer{};
  uv_poll_t poll{};
  Inotify inotify;
  int ready_watch = -1;
  int delayed_watch = -1;
  int consumers_watch = -1;
  int root_watch = -1;
  bool event_came = false;  ///< During this wait.

  Loop() {
    require(uv_loop_init(&loop), "make");
    // Only stop() and wake() send; the callback ends the wait.
    const int made = uv_async_init(&loop, &wake, [](uv_async_t* handle) { uv_stop(handle->loop); });
    if (made < 0) {
      uv_loop_close(&loop);
      require(made, "make async handle in");
    }
    uv_timer_init(&loop, &timer);  // Cannot fail.
  }

  void poll_inotify() {
    if (const int made = uv_poll_init(&loop, &poll, inotify.descriptor()); made < 0) {
      inotify.close();
      require(made, "poll inotify in");
    }
    poll.data = &event_came;
    require(uv_poll_start(&poll, UV_READABLE, note_event), "poll inotify in");
  }

  ~Loop() {
    // Handles may be freed only after their close callbacks, which the last uv_run() calls.
    uv_close(reinterpret_cast<uv_handle_t*>(&wake), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    if (inotify.is_open()) uv_close(reinterpret_cast<uv_handle_t*>(&poll), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
  }
};

Watcher::Watcher(OpenQueue& queue) : queue_{queue}, loop_{std::make_unique<Loop>()} {}

Watcher::~Watcher() {
  if (process_.foreign()) static_cast<void>(loop_.release());
}

bool Watcher::start() {
  if (std::exchange(started_, true)) return false;
  // Events of other machines, or of a FUSE server, do not reach us.
  if (!queue_.locks_prove_death() || polling_is_forced()) return true;
  const bool opened = loop_->inotify.open();
  if (opened && watch_folders()) {
    loop_->poll_inotify();
    return true;
  }
  queue_.log(LogLevel::warning,
             fmt::format("{} ({}); looking at intervals instead",
                         opened ? "cannot watch" : "no inotify", std::strerror(errno)));
  loop_->inotify.close();
  return true;
}

bool Watcher::watch_folders() {
  loop_->ready_watch = watch_messages(queue_, loop_->inotify, State::ready, kReadyMask);
  loop_->delayed_watch = watch_messages(queue_, loop_->inotify, State::delayed, kDelayedMask);
  loop_->consumers_watch = watch_consumers(queue_, loop_->inotify, kConsumersMask);
  loop_->root_watch = watch_root(queue_, loop_->inotify, kRootMask);
  return std::min({loop_->ready_watch, loop_->delayed_watch, loop_->consumers_watch,
                   loop_->root_watch}) >= 0;
}

bool Watcher::watching() const { return loop_->inotify.is_open(); }

int Watcher::descriptor() {
  if (!poll_fd_) {
    poll_fd_.emplace(loop_->inotify.descriptor());
    poll_fd_->ready_in(Duration{0});
  }
  return poll_fd_->fd();
}

bool Watcher::wait(Duration timeout) {
  loop_->event_came = false;
  if (stop_request_ != StopRequest::none || woken_) return false;
  const auto milliseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(timeout.count(), 0));
  uv_update_time(&loop_->loop);
  uv_timer_start(&loop_->timer, [](uv_timer_t* timer) { uv_stop(timer->loop); }, milliseconds, 0);
  uv_run(&loop_->loop, UV_RUN_DEFAULT);
  uv_timer_stop(&loop_->timer);
  return loop_->event_came;
}

void Watcher::sleep(Duration timeout) {
  if (watching()) uv_poll_stop(&loop_->poll);
  wait(timeout);
  if (watching()) uv_poll_start(&loop_->poll, UV_READABLE, note_event);
}

Events Watcher::collect() {
  Events events;
  if (!watching()) return events;
  loop_->inotify.for_each_event([&](const InotifyEvent& event) {
    if (event.overflow()) events.overflow = true;
    if (event.name.empty()) return;
    if (event.watch == loop_->consumers_watch) {
      // Live consumers close spare files, whose names are others.
      if (is_consumer_name(event.name)) events.ended.emplace_back(event.name);
    } else if (event.watch == loop_->root_watch) {
      if (event.name == kSettingsFile || event.name == kPauseFile) events.queue_changed = true;
    } else if (event.watch == loop_->delayed_watch) {
      events.delayed.emplace_back(event.name);
    } else if (event.watch == loop_->ready_watch && !event.is_directory()) {
      events.ready.push_back({std::string{event.name}, (event.mask & IN_MOVED_TO) != 0});
    }
  });
  return events;
}

void Watcher::stop(StopRequest request) noexcept {
  StopRequest before = stop_request_;
  // The harder one holds.
  while (before < request && !stop_request_.compare_exchange_weak(before, request)) {
  }
  uv_async_send(&loop_->wake);
}

void Watcher::wake() noexcept {
  woken_ = true;
  uv_async_send(&loop_->wake);
}

}  // namespace spoolq::detail
