// Waiting for something to happen in a folder that other programs drop files into.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "queue/os/inotify.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// What has happened to one name.
struct InboxEvent {
  enum class Kind { renamed, created, closed };
  std::string file;
  Kind kind = Kind::created;
};

/// An inotify descriptor of our own over one folder; see
/// docs/decisions/own-inotify-descriptor.md. One thread, except `wake`.
class InboxWatch {
 public:
  /// Begins to watch the open directory. Scan after this, not before. Where inotify is not to be
  /// had (reported to the queue's log), or on a network file system, watching() is false.
  InboxWatch(OpenQueue& queue, int directory, const std::string& path, const Wake& wake);

  [[nodiscard]] bool watching() const { return inotify_.is_open(); }
  /// Sleeps until an event, the wake, or the end of `timeout`.
  void wait(Duration timeout) const { wait_for(wake_, timeout, inotify_.descriptor()); }
  /// What has happened since the last call, in its order; nullopt: the kernel dropped some of it,
  /// only a scan can tell.
  [[nodiscard]] std::optional<std::vector<InboxEvent>> collect() const;

 private:
  const Wake& wake_;
  Inotify inotify_;
};

}  // namespace spoolq::detail
