// A Sys in which the process dies at the Nth call.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>

#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {

/// Raises SIGKILL before or after the Nth call, 1-based; for forked children over real_sys().
/// Reading a clock is not counted: it leaves nothing behind. Thread-safe.
class KillingSys final : public ForwardingSys {
 public:
  enum class Moment { before, after };

  KillingSys(Sys& inner, std::uint64_t nth, Moment moment)
      : ForwardingSys{inner}, nth_{nth}, moment_{moment} {}

  [[nodiscard]] std::uint64_t seen() const { return seen_; }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (moment_ == Moment::before) count(info);
    return std::nullopt;
  }
  SysResult after(const CallInfo& info, SysResult result) override {
    if (moment_ == Moment::after) count(info);
    return result;
  }

 private:
  void count(const CallInfo& info) {
    if (info.call != Call::clock_gettime && ++seen_ == nth_) ::raise(SIGKILL);
  }

  const std::uint64_t nth_;
  const Moment moment_;
  std::atomic<std::uint64_t> seen_{0};
};

}  // namespace spoolq::test
