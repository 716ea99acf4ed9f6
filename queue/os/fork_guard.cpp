// The handlers around fork(2). Global by nature: a process forks as a whole.
#include "queue/os/fork_guard.hpp"

#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

std::atomic<unsigned> fork_generation{0};

struct Locks {
  std::mutex mutex;
  std::vector<int> fds;
};

/// Never destroyed: an object with static storage may still hold a lock at exit.
Locks& locks() {
  static auto* const all = new Locks;
  return *all;
}

void before_fork() { locks().mutex.lock(); }

void after_fork_in_parent() { locks().mutex.unlock(); }

void after_fork_in_child() {
  ++fork_generation;
  for (const int fd : locks().fds) ::close(fd);
  locks().fds.clear();
  locks().mutex.unlock();
}

void install_handlers() {
  static const int installed =
      ::pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  static_cast<void>(installed);
}

}  // namespace

ProcessMark::ProcessMark() noexcept {
  install_handlers();
  generation_ = fork_generation.load();
}

bool ProcessMark::foreign() const noexcept { return generation_ != fork_generation.load(); }

void ProcessMark::require_own(const char* operation, const char* path) const {
  if (foreign()) throw_errc(errc::foreign_process, operation, path);
}

LockFd::LockFd(Sys& sys, const std::function<SysResult()>& open) : sys_{&sys} {
  const std::lock_guard lock{locks().mutex};
  const SysResult opened = open();
  error_ = opened.error();
  if (!opened.ok()) return;
  fd_ = opened.fd();
  locks().fds.push_back(fd_);
}

LockFd::LockFd(LockFd&& other) noexcept
    : sys_{other.sys_},
      fd_{std::exchange(other.fd_, -1)},
      error_{other.error_},
      process_{other.process_} {}

LockFd& LockFd::operator=(LockFd&& other) noexcept {
  if (this != &other) {
    close();
    sys_ = other.sys_;
    fd_ = std::exchange(other.fd_, -1);
    error_ = other.error_;
    process_ = other.process_;
  }
  return *this;
}

LockFd::~LockFd() { close(); }

void LockFd::close() noexcept {
  if (fd_ < 0 || process_.foreign()) return;
  const std::lock_guard lock{locks().mutex};
  std::erase(locks().fds, fd_);
  static_cast<void>(sys_->close(std::exchange(fd_, -1)));
}

}  // namespace spoolq::detail
