// Events out of two looks into the folders, for where inotify has nothing to tell.
#pragma once

#include <deque>

#include "queue/format/message_name.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/monitor.hpp"

namespace spoolq::detail {

/// Where every message was at the last look. One thread.
class SnapshotDiff {
 public:
  /// Takes the first look, which tells nothing.
  explicit SnapshotDiff(OpenQueue& queue) : queue_{queue} { snapshot_ = look(); }

  /// Looks again and appends to `events` what is different, by the time of put.
  void compare(std::deque<Event>& events);

 private:
  struct Seen {
    State state = State::ready;
    MessageName name;
    bool missing = false;  ///< Not found by the last look.
  };
  using ById = std::map<MessageId, Seen>;

  ById look();

  OpenQueue& queue_;
  ById snapshot_;
};

}  // namespace spoolq::detail
