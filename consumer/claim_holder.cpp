// Holding a claim in a process that outlives the consumer. Between fork and exec, and in children
// of processes with threads, so only with async-signal-safe calls.
#include "consumer/claim_holder.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace spoolq {

ClaimHolder::Impl::Impl(const detail::Registration& registration)
    : fds_{registration.duplicate()} {}

ClaimHolder::Impl::~Impl() {
  for (const int fd : fds_) {
    if (fd >= 0) ::close(fd);
  }
}

bool ClaimHolder::Impl::move_to(int first) noexcept {
  // First out of the way: each may stand where another one is to go.
  const int end = first + kDescriptors;
  for (int& fd : fds_) {
    fd = ::fcntl(fd, F_DUPFD_CLOEXEC, end);
    if (fd < 0) return false;
  }
  for (int& fd : fds_) {
    if (::dup3(fd, first, O_CLOEXEC) < 0) return false;
    ::close(std::exchange(fd, first++));
  }
  return true;
}

ClaimHolder::ClaimHolder(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
ClaimHolder::ClaimHolder(ClaimHolder&&) noexcept = default;
ClaimHolder& ClaimHolder::operator=(ClaimHolder&&) noexcept = default;
ClaimHolder::~ClaimHolder() = default;

bool ClaimHolder::move_to(int first) noexcept { return impl_->move_to(first); }

}  // namespace spoolq
