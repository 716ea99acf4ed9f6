// One descriptor for external event loops: readable when there may be something to take.
#pragma once

#include "queue/os/unique_fd.hpp"
#include "spoolq/message.hpp"

namespace spoolq::detail {

/// An epoll(7) descriptor over the inotify descriptor and a timer, both level-triggered. One
/// thread.
class PollFd {
 public:
  /// `inotify` is watched and stays the caller's. With -1 there is only the timer. Throws the
  /// errno.
  explicit PollFd(int inotify);

  [[nodiscard]] int fd() const { return epoll_.get(); }
  /// Readable after `span`, or at once for none, until this is called again.
  void ready_in(Duration span) const;

 private:
  UniqueFd epoll_;
  UniqueFd timer_;
};

}  // namespace spoolq::detail
