// epoll(7) over inotify(7) and timerfd_create(2).
#include "consumer/wait/poll_fd.hpp"

#include <sys/epoll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <cerrno>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {

PollFd::PollFd(int inotify)
    : epoll_{real_sys(), ::epoll_create1(EPOLL_CLOEXEC)},
      timer_{real_sys(), ::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)} {
  const auto add = [this](int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
  };
  if (epoll_ && timer_ && add(timer_.get()) && (inotify < 0 || add(inotify))) return;
  throw_errno(errno, "make", "descriptor to wait on");
}

void PollFd::ready_in(Duration span) const {
  // A timer of nothing would be switched off; setting it also ends an earlier readiness.
  const auto time = std::max(std::chrono::nanoseconds{span}, std::chrono::nanoseconds{1});
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  itimerspec spec{};
  spec.it_value.tv_sec = seconds.count();
  spec.it_value.tv_nsec = (time - seconds).count();
  ::timerfd_settime(timer_.get(), 0, &spec, nullptr);  // Cannot fail with these arguments.
}

}  // namespace spoolq::detail
