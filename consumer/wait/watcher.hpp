// Waiting for something to happen in a queue: inotify under libuv.
//
// The descriptor is our own, polled by uv_poll_t, not libuv's uv_fs_event_t; see
// docs/decisions/own-inotify-descriptor.md. An event is a hint, the rename is the truth.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// What was seen since the last look.
struct Events {
  struct Arrival {
    std::string file;
    bool complete = false;  ///< It came by rename.
  };
  std::vector<Arrival> ready;        ///< Names that appeared in new/, or were closed by a writer.
  std::vector<std::string> delayed;  ///< Names that appeared in later/.
  bool consumer_ended = false;       ///< A consumer's file was closed: it ended.
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

  /// Begins to watch. Scan after this, not before: what comes between the two would be slept over.
  /// When inotify is not to be had (or reaches only one of several machines, on network file
  /// systems, or is not to be relied on: polling_is_forced()) it reports once and watching() stays
  /// false: the caller scans at intervals instead. `own_file` is this consumer's file in
  /// consumers/.
  void start(const std::string& own_file);
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool watching() const;
  /// The inotify descriptor, -1 while not watching.
  [[nodiscard]] int inotify() const;

  /// Whether wait() ends when another consumer looks into our file in consumers/.
  [[nodiscard]] bool can_be_woken() const;
  /// No events of new/ and later/ from now on.
  void ignore_arrivals();
  /// Again as after start(). Scan after this.
  void watch_arrivals();

  /// Sleeps until an event, stop(), wake(), or the end of `timeout`.
  void wait(Duration timeout);
  /// The same without waking for events, which collect() gives afterwards.
  void sleep(Duration timeout);
  /// What has happened since the last call, without waiting.
  Events collect();

  /// Ends the wait() that runs now, or the next one. Any thread, any signal handler.
  void stop(StopRequest request) noexcept;
  /// The stop() since the last time this was asked.
  StopRequest take_stop() noexcept { return stop_request_.exchange(StopRequest::none); }
  [[nodiscard]] bool stopped() const noexcept { return stop_request_ != StopRequest::none; }
  /// As stop(), but it asks for nothing.
  void wake() noexcept;
  /// Whether wake() was called since the last time this was asked.
  bool take_wake() noexcept { return woken_.exchange(false); }
  [[nodiscard]] bool woken() const noexcept { return woken_; }

 private:
  struct Loop;
  /// False with errno.
  bool watch_folders();
  /// Returns the watch, or -1 with errno.

  OpenQueue& queue_;
  ProcessMark process_;
  std::unique_ptr<Loop> loop_;
  bool started_ = false;
  std::atomic<StopRequest> stop_request_{StopRequest::none};
  std::atomic<bool> woken_{false};
};

}  // namespace spoolq::detail
