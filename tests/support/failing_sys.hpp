// A Sys whose Nth call fails.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {

/// Not an errno: a write that takes only half of the bytes and succeeds.
inline constexpr int kShortWrite = -1;

/// The plausible errors of a call, kShortWrite among those of write().
std::span<const int> errors_of(Call call);
/// Each error that some call can give, once.
std::span<const int> all_errors();
/// Whether this very call can give `error`: openat() without O_CREAT never fails with ENOSPC.
bool can_fail(const CallInfo& info, int error);

enum class Persistence {
  once,        ///< The Nth call fails, later ones work again.
  same_call,   ///< And after it every call of the same kind that can give the error.
  every_call,  ///< And after it every call of any kind that can give the error.
};

struct Fault {
  std::uint64_t nth = 0;  ///< 1-based, among the calls that can give the error; 0 is no fault.
  int error = 0;
  Persistence persistence = Persistence::once;
};

/// "ENOSPC at call 3, once"
std::string to_string(const Fault& fault);

/// Fails a call without making it; of close(), which always frees the descriptor, only the
/// answer is changed. Thread-safe.
class FailingSys final : public ForwardingSys {
 public:
  FailingSys(Sys& inner, Fault fault) : ForwardingSys{inner}, fault_{fault} {}

  /// Whether the fault has come.
  [[nodiscard]] bool fired() const { return seen_ >= fault_.nth && fault_.nth > 0; }
  /// The call that failed first. Requires: fired().
  [[nodiscard]] Call failed_call() const { return failed_call_; }
  /// Calls that could have given the error so far.
  [[nodiscard]] std::uint64_t seen() const { return seen_; }
  /// Ends a persistent fault, as an administrator who frees space does.
  void repair() { repaired_ = true; }

  SysResult write(int fd, const void* bytes, std::size_t size) override;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override;
  SysResult after(const CallInfo& info, SysResult result) override;

 private:
  bool fails_now(const CallInfo& info);

  const Fault fault_;
  std::atomic<std::uint64_t> seen_{0};
  std::atomic<Call> failed_call_{Call::openat};
  std::atomic<bool> repaired_{false};
};

/// Runs `run(const Fault&)` with each error at each call, until for every error a run ends without
/// its fault having come. `run` returns FailingSys::fired(). Returns the number of runs.
template <typename Run>
std::uint64_t for_each_fault(Persistence persistence, Run run) {
  std::uint64_t runs = 0;
  for (const int error : all_errors()) {
    bool fired = true;
    for (std::uint64_t nth = 1; fired; ++nth) {
      fired = run(Fault{nth, error, persistence});
      ++runs;
    }
  }
  return runs;
}

/// Records which calls a run makes, in order. Thread-safe.
class RecordingSys final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;

  /// The calls so far, without names, which live only as long as their call.
  [[nodiscard]] std::vector<CallInfo> calls() const;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override;

 private:
  mutable std::mutex mutex_;
  std::vector<CallInfo> calls_;
};

/// A fault, and the position of the call that it fails among the calls of an undisturbed run.
struct PlannedFault {
  Fault fault;
  std::size_t position = 0;
};

/// The fault that fails the call at `position` with `error`.
/// Requires: can_fail(calls[position], error).
PlannedFault fault_at(std::span<const CallInfo> calls, std::size_t position, int error,
                      Persistence persistence);

/// One fault for each call that can fail. `seed` chooses the errno. The three persistences choose
/// different errnos for a call that can give three.
std::vector<PlannedFault> sample_faults(std::span<const CallInfo> calls, Persistence persistence,
                                        std::uint64_t seed);

}  // namespace spoolq::test
