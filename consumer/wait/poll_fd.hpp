// One descriptor for event loops that are not ours: readable when there may be something to take.
#pragma once

#include "spoolq/message.hpp"

namespace spoolq::detail {

/// An epoll(7) descriptor over the inotify descriptor and a timer, both level-triggered. One
/// thread.
class PollFd {
 public:
  /// `inotify` is watched and stays the caller's; -1: there is only the timer. Throws the errno.
  explicit PollFd(int inotify);
  PollFd(const PollFd&) = delete;
  PollFd& operator=(const PollFd&) = delete;
  ~PollFd();

  [[nodiscard]] int fd() const { return epoll_; }
  /// Readable after `span`, or at once for none, until this is called again.
  void ready_in(Duration span) const;

 private:
  int epoll_ = -1;
  int timer_ = -1;
};

}  // namespace spoolq::detail
