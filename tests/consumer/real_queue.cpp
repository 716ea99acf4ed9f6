// A real folder, counted calls, and a look at who sleeps.
#include "tests/consumer/real_queue.hpp"

#include <fmt/core.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <numeric>

namespace spoolq::test {

std::optional<Claim> take_before_tick(Consumer& consumer) {
  const auto begin = std::chrono::steady_clock::now();
  auto claim = consumer.take(kLong);
  if (std::chrono::steady_clock::now() - begin >= kBeforeTick) claim.reset();
  return claim;
}

RealQueue::RealQueue(const std::vector<SettingChange>& settings) : path_{scratch_ / "queue"} {
  static_cast<void>(Queue::init(path_, settings));
}

std::string RealQueue::path(Folder folder, const std::string& file) const {
  const std::string folder_path = path_ + "/" + detail::folder_name(folder);
  return file.empty() ? folder_path : folder_path + "/" + file;
}

std::vector<std::string> RealQueue::names(Folder folder) const { return names_in(path(folder)); }

Queue RealQueue::open(Sys& sys) { return Queue{open_queue(sys, path_, &log)}; }

MessageId RealQueue::put(std::string_view payload, PutOptions options) {
  options.sync = Sync::none;
  return Producer{path_}.put(payload, options);
}

std::uint64_t CountingSys::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

SysResult CountingSys::after(const CallInfo& info, SysResult result) {
  ++counts_[static_cast<std::size_t>(info.call)];
  if (info.call == Call::renameat2 && result.error() == ENOENT) ++lost_renames_;
  return result;
}

SysResult HookSys::after(const CallInfo& info, SysResult result) {
  if (armed_ && info.call != Call::clock_gettime && ++seen_ == nth_) {
    fired_ = true;
    hook_();
  }
  return result;
}

bool waits_for_events(pid_t thread) {
  // The number of the call that the thread is in; "running" when it is in none.
  const std::string call = read_file(fmt::format("/proc/{}/syscall", thread));
  const auto in = [&call](long number) { return call.starts_with(fmt::format("{} ", number)); };
#ifdef SYS_epoll_wait
  if (in(SYS_epoll_wait)) return true;
#endif
  return in(SYS_epoll_pwait);
}

bool when_waiting(pid_t thread, const std::function<void()>& action) {
  if (!eventually([thread] { return waits_for_events(thread); })) return false;
  action();
  return true;
}

pid_t this_thread() { return ::gettid(); }

}  // namespace spoolq::test
