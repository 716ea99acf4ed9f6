// A real folder, counted calls, and a look at who sleeps.
#include "tests/consumer/real_queue.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <numeric>
#include <stdexcept>

#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A user that nothing else runs as, so that its limits are only ours.
constexpr uid_t kNobodyElse = 61'234;

}  // namespace

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

Queue RealQueue::open(Sys& sys) { return handle(open_queue(sys, path_, &log)); }

MessageId RealQueue::put(std::string_view payload, PutOptions options) {
  options.sync = Sync::none;
  return Producer{path_}.put(payload, options);
}

std::uint64_t CountingSys::total() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

SysResult CountingSys::after(const CallInfo& info, SysResult result) {
  ++counts_[static_cast<std::size_t>(info.call)];
  if (info.call != Call::renameat2) return result;
  const std::lock_guard lock{mutex_};
  if (result.ok()) renamed_.emplace(info.name);
  // The writer's close(2) may make a consumer try a name again that it has claimed itself.
  if (result.error() == ENOENT && !renamed_.contains(info.name)) ++lost_renames_;
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

std::uint64_t times_slept(pid_t thread) {
  const std::string status = read_file(fmt::format("/proc/{}/status", thread));
  constexpr std::string_view kField = "\nvoluntary_ctxt_switches:";
  const auto field = status.find(kField);
  if (field == std::string::npos) throw std::runtime_error{"no such thread"};
  return std::stoull(status.substr(field + kField.size()));
}

void flood(const RealQueue& queue) {
  // Each gives an event; the default limit is 16,384. Two files, because an event that is the same
  // as the last one is not added. The dots make them nobody's messages.
  constexpr int kRenames = 10'000;
  const std::array<std::string, 2> names{".one", ".two"};
  for (const std::string& name : names) write_file(queue.path(Folder::tmp, name), "x");
  for (int i = 0; i < kRenames; ++i) {
    for (const auto& [from, to] :
         {std::pair{Folder::tmp, Folder::ready}, std::pair{Folder::ready, Folder::tmp}}) {
      for (const std::string& name : names) {
        std::rename(queue.path(from, name).c_str(), queue.path(to, name).c_str());
      }
    }
  }
}

void give_to_nobody(const RealQueue& queue) {
  if (::geteuid() != 0) {
    WARN("not root: the instances of this user are used up for a moment");
    return;
  }
  for (const auto& entry : fs::recursive_directory_iterator{queue.around().path()}) {
    REQUIRE(::chown(entry.path().c_str(), kNobodyElse, kNobodyElse) == 0);
  }
  REQUIRE(::chown(queue.around().path().c_str(), kNobodyElse, kNobodyElse) == 0);
}

void go_without_inotify() {
  if (::geteuid() == 0 && (::setgid(kNobodyElse) != 0 || ::setuid(kNobodyElse) != 0)) {
    throw std::runtime_error{"cannot become another user"};
  }
  ::prctl(PR_SET_DUMPABLE, 1);  // So that its own threads may be looked at in /proc.
  while (::inotify_init1(IN_CLOEXEC) >= 0) {
  }
}

pid_t this_thread() { return ::gettid(); }

}  // namespace spoolq::test
