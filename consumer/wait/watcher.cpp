// inotify(7) events through a libuv loop.
#include "consumer/wait/watcher.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "queue/format/message_name.hpp"
#include "queue/format/settings.hpp"
#include "queue/os/inotify.hpp"
#include "queue/os/polling.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/pause.hpp"

namespace spoolq::detail {
namespace {

// IN_MOVED_TO is a put, IN_CREATE may be a finished link or an unfinished copy, IN_CLOSE_WRITE the
// end of one. Claims and acks (moves away, deletions) wake nobody.
constexpr std::uint32_t kReadyMask =
    IN_MOVED_TO | IN_CREATE | IN_CLOSE_WRITE | IN_ONLYDIR | IN_EXCL_UNLINK;
constexpr std::uint32_t kDelayedMask = IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK;
// A consumer's file is open for writing as long as it lives: the kernel closes it at its death.
constexpr std::uint32_t kConsumersMask = IN_CLOSE_WRITE | IN_ONLYDIR;
// Settings are replaced by a rename; a queue is paused while a file is there.
constexpr std::uint32_t kRootMask =
    IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR;
// Of our own file: read by who wakes us, or given new times where there is nothing to read.
constexpr std::uint32_t kOwnMask = IN_ACCESS | IN_ATTRIB;
// A mask has to have something in it.
constexpr std::uint32_t kNothingMask = IN_DELETE_SELF | IN_ONLYDIR;
constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

void require(int result, const char* operation) {
  if (result < 0) throw_errno(-result, operation, "event loop");
}

int watch_folder(int inotify, const OpenQueue& queue, Folder folder, std::uint32_t mask) {
  return add_watch(inotify, queue.fd(folder), queue.path(folder), mask);
}

void stop_loop(uv_poll_t* handle, int /*status*/, int /*events*/) { uv_stop(handle->loop); }

}  // namespace

struct Watcher::Loop {
  uv_loop_t loop{};
  uv_async_t wake{};
  uv_timer_t timer{};
  uv_poll_t poll{};
  int inotify = -1;
  int ready_watch = -1;
  int delayed_watch = -1;
  int consumers_watch = -1;
  int root_watch = -1;
  int own_watch = -1;
  std::atomic<StopRequest> stopped{StopRequest::none};
  std::atomic<bool> woken{false};

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

  /// Takes the descriptor, also when it throws.
  void poll_inotify(int fd) {
    const int made = uv_poll_init(&loop, &poll, fd);
    if (made < 0) {
      ::close(fd);
      require(made, "poll inotify in");
    }
    inotify = fd;
    require(uv_poll_start(&poll, UV_READABLE, stop_loop), "poll inotify in");
  }

  ~Loop() {
    // Handles may be freed only after their close callbacks, which the last uv_run() calls.
    uv_close(reinterpret_cast<uv_handle_t*>(&wake), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&timer), nullptr);
    if (inotify >= 0) uv_close(reinterpret_cast<uv_handle_t*>(&poll), nullptr);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
    if (inotify >= 0) ::close(inotify);
  }
};

Watcher::Watcher(OpenQueue& queue) : queue_{queue}, loop_{std::make_unique<Loop>()} {}

Watcher::~Watcher() {
  if (process_.foreign()) static_cast<void>(loop_.release());
}

void Watcher::start(const std::string& own_file) {
  if (started_) return;
  started_ = true;
  // Events of other machines, or of a FUSE server, do not reach us.
  if (!queue_.locks_prove_death() || polling_is_forced()) return;
  const int inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (inotify < 0) {
    queue_.log(LogLevel::warning,
               fmt::format("no inotify ({}); looking at intervals instead", std::strerror(errno)));
    return;
  }
  loop_->ready_watch = watch_folder(inotify, queue_, Folder::ready, kReadyMask);
  loop_->delayed_watch = watch_folder(inotify, queue_, Folder::later, kDelayedMask);
  loop_->consumers_watch = watch_folder(inotify, queue_, Folder::consumers, kConsumersMask);
  loop_->root_watch = add_watch(inotify, queue_.folders().root(), queue_.path(), kRootMask);
  if (std::min({loop_->ready_watch, loop_->delayed_watch, loop_->consumers_watch,
                loop_->root_watch}) < 0) {
    queue_.log(LogLevel::warning, fmt::format("cannot watch ({}); looking at intervals instead",
                                              std::strerror(errno)));
    ::close(inotify);
    return;
  }
  const std::string own =
      fmt::format("/proc/self/fd/{}/{}", queue_.fd(Folder::consumers), own_file);
  loop_->own_watch = ::inotify_add_watch(inotify, own.c_str(), kOwnMask);
  loop_->poll_inotify(inotify);
}

bool Watcher::can_be_woken() const { return watching() && loop_->own_watch >= 0; }

void Watcher::ignore_arrivals() {
  // Where a mask stays as it was, we are only woken too often.
  watch_folder(loop_->inotify, queue_, Folder::ready, kNothingMask);
  watch_folder(loop_->inotify, queue_, Folder::later, kNothingMask);
}

void Watcher::notice_arrivals() {
  loop_->ready_watch = watch_folder(loop_->inotify, queue_, Folder::ready, kReadyMask);
  loop_->delayed_watch = watch_folder(loop_->inotify, queue_, Folder::later, kDelayedMask);
}

bool Watcher::watching() const { return loop_->inotify >= 0; }

int Watcher::inotify() const { return loop_->inotify; }

void Watcher::wait(Duration timeout) {
  if (stopped() || loop_->woken) return;
  const auto milliseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(timeout.count(), 0));
  uv_update_time(&loop_->loop);
  uv_timer_start(&loop_->timer, [](uv_timer_t* timer) { uv_stop(timer->loop); }, milliseconds, 0);
  uv_run(&loop_->loop, UV_RUN_DEFAULT);
  uv_timer_stop(&loop_->timer);
}

void Watcher::sleep(Duration timeout) {
  if (watching()) uv_poll_stop(&loop_->poll);
  wait(timeout);
  if (watching()) uv_poll_start(&loop_->poll, UV_READABLE, stop_loop);
}

Events Watcher::collect() {
  Events events;
  if (!watching()) return events;
  alignas(inotify_event) std::array<char, kBufferSize> buffer;
  for (;;) {
    const ssize_t size = ::read(loop_->inotify, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return events;
    events.any = true;
    for (std::size_t position = 0; position < static_cast<std::size_t>(size);) {
      inotify_event event;
      std::memcpy(&event, buffer.data() + position, sizeof event);
      const char* const name = buffer.data() + position + sizeof event;
      position += sizeof event + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        events.overflow = true;
      } else if (event.wd == loop_->consumers_watch) {
        // Spare files are made and closed by the living.
        if (event.len > 0 && is_consumer_name(name)) events.consumer_ended = true;
      } else if (event.wd == loop_->root_watch) {
        const std::string_view file{event.len > 0 ? name : ""};
        if (file == kSettingsFile || file == kPauseFile) events.queue_changed = true;
      } else if (event.wd == loop_->delayed_watch && event.len > 0) {
        events.delayed.emplace_back(name);
      } else if (event.wd == loop_->ready_watch && (event.mask & IN_ISDIR) != 0) {
        // A folder is no message, whatever its name.
      } else if (event.wd == loop_->ready_watch && event.len > 0) {
        events.ready.push_back({name, (event.mask & IN_MOVED_TO) != 0});
      }
    }
  }
}

void Watcher::stop(StopRequest request) noexcept {
  StopRequest before = loop_->stopped;
  // The harder one holds.
  while (before < request && !loop_->stopped.compare_exchange_weak(before, request)) {
  }
  uv_async_send(&loop_->wake);
}

StopRequest Watcher::take_stop() noexcept { return loop_->stopped.exchange(StopRequest::none); }

bool Watcher::stopped() const noexcept { return loop_->stopped != StopRequest::none; }

void Watcher::wake() noexcept {
  loop_->woken = true;
  uv_async_send(&loop_->wake);
}

bool Watcher::woken() const noexcept { return loop_->woken; }

bool Watcher::take_wake() noexcept { return loop_->woken.exchange(false); }

}  // namespace spoolq::detail
