// One process among several on the same simulated disk: it can die alone.
#pragma once

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <mutex>
#include <set>

#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {

/// Closes what was opened through it when the process dies, and from then on does nothing: every
/// call fails with EIO, so that destructors, which kill -9 would not have run, leave no trace.
/// Reading a clock is not counted and goes on. Thread-safe.
class ProcessSys final : public ForwardingSys {
 public:
  /// Dies by itself in place of the call number `dies_at`, 1-based; 0 is never.
  explicit ProcessSys(Sys& inner, std::uint64_t dies_at = 0)
      : ForwardingSys{inner}, dies_at_{dies_at} {}

  void kill() {
    const std::lock_guard lock{mutex_};
    dead_ = true;
    for (const int fd : open_) static_cast<void>(inner().close(fd));
    open_.clear();
  }
  [[nodiscard]] bool dead() const { return dead_; }
  [[nodiscard]] std::uint64_t seen() const { return seen_; }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call == Call::clock_gettime) return std::nullopt;
    if (!dead_ && ++seen_ == dies_at_) kill();
    if (dead_) return SysResult::failure(EIO);
    return std::nullopt;
  }
  SysResult after(const CallInfo& info, SysResult result) override {
    if (!result.ok()) return result;
    const std::lock_guard lock{mutex_};
    if (info.call == Call::close) open_.erase(info.fd);
    if (info.call != Call::openat && info.call != Call::openat2) return result;
    if (dead_) {  // Killed by another thread meanwhile.
      static_cast<void>(inner().close(result.fd()));
      return SysResult::failure(EIO);
    }
    open_.insert(result.fd());
    return result;
  }

 private:
  const std::uint64_t dies_at_;
  std::mutex mutex_;
  std::set<int> open_;
  std::atomic<bool> dead_{false};
  std::atomic<std::uint64_t> seen_{0};
};

}  // namespace spoolq::test
