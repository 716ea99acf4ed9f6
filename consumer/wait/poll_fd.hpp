// One descriptor for event loops that are not ours: readable when there may be something to take.
#pragma once

#include "spoolq/message.hpp"

namespace spoolq::detail {

/// An epoll(7) descriptor over the inotify descriptor and a timer, both level-triggered. One
/// thread.
class Readiness {
 public:
  /// `inotify` is watched and stays the caller's; -1: there is only the timer. Throws the errno.
  explicit Readiness(int inotify);
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;
  ~Readiness();

  [[nodiscard]] int fd() const { return epoll_; }
  /// Readable after `span`, or at once for none, until this is called again.
  void ready_in(Duration span) const;

 private:
  int epoll_ = -1;
  int timer_ = -1;
};

}  // namespace spoolq::detail
