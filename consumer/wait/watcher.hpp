// Waiting for something to happen in a queue: inotify under libuv.
//
// Every consumer that waits watches for itself (docs/decisions/every-idle-consumer-watches.md). The
// descriptor is our own, polled by uv_poll_t, not libuv's uv_fs_event_t; see
// docs/decisions/own-inotify-descriptor.md. An event is a hint, the rename is the truth.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consumer/wait/poll_fd.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// A consumer looks at everything this often, whether or not an event said so. Changed settings go
/// unnoticed for this long at most.
constexpr Duration kTick{4000};
/// The same without inotify, where nothing else wakes a consumer.
constexpr Duration kPollTick{500};

/// What was seen since the last look.
struct Events {
  struct Arrival {
    std::string file;
    bool complete = false;  ///< It came by rename.
  };
  std::vector<Arrival> ready;        ///< Names that appeared in new/, or were closed by a writer.
  std::vector<std::string> delayed;  ///< Names that appeared in later/.
  std::vector<std::string> ended;    ///< Consumers whose file was closed: they ended.
  bool queue_changed = false;        ///< The settings were replaced, or the queue was resumed.
  bool overflow = false;             ///< The kernel dropped events: only a scan can tell.
};

/// How a wait is to end for good.
enum class StopRequest { none, drain, hard };

/// One event loop, run by the thread that waits. One thread at a time, except stop() and wake().
class Watcher {
 public:
  explicit Watcher(OpenQueue& queue);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  /// In a forked child the loop is left alone: its epoll descriptor is shared with the parent.
  ~Watcher();

  /// Begins to watch, the first time it is called; true then: scan after this, not before, because
  /// no event tells of what came between the two. When inotify is not to be had (or reaches only
  /// one of several machines, on network file systems, or is not to be relied on:
  /// polling_is_forced()) it reports once and watching() stays false: the caller scans at intervals
  /// instead.
  bool start();
  [[nodiscard]] bool watching() const;

  /// A descriptor for an external event loop. Call start() before.
  int descriptor();
  /// Whether descriptor() was called.
  [[nodiscard]] bool in_external_loop() const { return poll_fd_.has_value(); }
  /// Makes the descriptor readable after `span`.
  void ready_in(Duration span) const { poll_fd_->ready_in(span); }

  /// Sleeps until an event, stop(), wake(), or the end of `timeout`. True for an event.
  bool wait(Duration timeout);
  /// The same without waking for events, which collect() gives afterwards.
  void sleep(Duration timeout);
  /// What has happened since the last call, without waiting.
  Events collect();

  /// Ends the wait() that runs now, or the next one. Any thread, any signal handler.
  void stop(StopRequest request) noexcept;
  /// The stop() since the last time this was asked.
  StopRequest take_stop() noexcept { return stop_request_.exchange(StopRequest::none); }
  /// As stop(), but it asks for nothing.
  void wake() noexcept;
  /// Forgets an earlier wake().
  void take_wake() noexcept { woken_ = false; }

 private:
  struct Loop;
  /// False with errno.
  bool watch_folders();

  OpenQueue& queue_;
  ProcessMark process_;
  std::unique_ptr<Loop> loop_;
  std::optional<PollFd> poll_fd_;
  bool started_ = false;
  std::atomic<StopRequest> stop_request_{StopRequest::none};
  std::atomic<bool> woken_{false};
};

}  // namespace spoolq::detail
