// Waiting for something to happen in a queue: inotify under libuv.
//
// The descriptor is our own, polled by uv_poll_t, not libuv's uv_fs_event_t; see
// docs/decisions/own-inotify-descriptor.md. An event is a hint, the rename is the truth.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "queue/open_queue.hpp"

namespace spoolq::detail {

/// What was seen since the last look.
struct Events {
  struct Arrival {
    std::string file;
    bool complete = false;  ///< It came by rename.
  };
  std::vector<Arrival> ready;        ///< Names that appeared in new/, or were closed by a writer.
  std::vector<std::string> delayed;  ///< Names that appeared in later/.
  bool consumer_ended = false;       ///< A file of consumers/ was closed: somebody ended.
  bool queue_changed = false;        ///< The settings were replaced, or the queue was resumed.
  bool overflow = false;             ///< The kernel dropped events: only a scan can tell.
};

/// One event loop, run by whoever waits. One thread at a time, except stop().
class Watcher {
 public:
  explicit Watcher(OpenQueue& queue);
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  /// In a forked child the loop is left alone: its epoll descriptor is shared with the parent.
  ~Watcher();

  /// Begins to watch. Scan after this, not before: what comes between the two would be slept over.
  /// When inotify is not to be had (or reaches only one of several machines, on network file
  /// systems) it reports once and watching() stays false: the caller scans at intervals instead.
  void start();
  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool watching() const;
  /// The inotify descriptor, -1 while not watching.
  [[nodiscard]] int inotify() const;

  /// Sleeps until an event, stop(), or the end of `timeout`.
  void wait(Duration timeout);
  /// What has happened since the last call, without waiting.
  Events collect();

  /// Ends the wait() that runs now, or the next one. Any thread, any signal handler.
  void stop() noexcept;
  /// Whether stop() was called since the last time this was asked.
  bool take_stop() noexcept;

 private:
  struct Loop;
  OpenQueue& queue_;
  ProcessMark process_;
  std::unique_ptr<Loop> loop_;
  bool started_ = false;
};

}  // namespace spoolq::detail
