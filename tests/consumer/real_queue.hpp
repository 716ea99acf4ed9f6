// A queue in a temporary folder, and what tests of waiting and racing consumers need around it.
#pragma once

#include <sys/types.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "queue/store/open_queue.hpp"
#include "spoolq/consumer.hpp"
#include "spoolq/producer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {

/// Shorter than the four seconds after which a consumer looks by itself: what comes within it came
/// because of an event or a timer for it.
inline constexpr Duration kBeforeTick{3000};
/// For what only has to come.
inline constexpr Duration kLong{20'000};

/// The message that comes within kBeforeTick. The limit of the wait is longer: a take() that ends
/// by its limit looks once more before it does, and would find what it has slept over.
std::optional<Claim> take_before_tick(Consumer& consumer);

class RealQueue {
 public:
  explicit RealQueue(const std::vector<SettingChange>& settings = {});

  /// Where the queue is.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string path(Folder folder, const std::string& file = {}) const;
  /// The folder around it, on the same file system.
  [[nodiscard]] const Scratch& around() const { return scratch_; }
  [[nodiscard]] std::vector<std::string> names(Folder folder) const;
  [[nodiscard]] std::size_t count(Folder folder) const { return names(folder).size(); }

  /// The queue opened anew.
  [[nodiscard]] Queue open(Sys& sys = detail::real_sys());
  [[nodiscard]] Consumer consumer(Sys& sys = detail::real_sys()) { return Consumer{open(sys)}; }
  /// Puts without syncing: no test here cuts the power.
  MessageId put(std::string_view payload, PutOptions options = {});

  Log log;

 private:
  Scratch scratch_;
  std::string path_;
};

/// Counts calls by kind. Thread-safe.
class CountingSys final : public ForwardingSys {
 public:
  explicit CountingSys(Sys& inner = detail::real_sys()) : ForwardingSys{inner} {}

  [[nodiscard]] std::uint64_t count(Call call) const {
    return counts_[static_cast<std::size_t>(call)];
  }
  [[nodiscard]] std::uint64_t total() const;
  /// Renames that came too late because of another consumer: a name that this Sys has renamed
  /// before does not count.
  [[nodiscard]] std::uint64_t lost_renames() const { return lost_renames_; }

 protected:
  SysResult after(const CallInfo& info, SysResult result) override;

 private:
  std::array<std::atomic<std::uint64_t>, kCallCount> counts_{};
  std::atomic<std::uint64_t> lost_renames_{0};
  std::mutex mutex_;
  std::set<std::string> renamed_;  ///< Old names.
};

/// Does something of the test's own after the Nth call that follows arm(), 1-based.
class HookSys final : public ForwardingSys {
 public:
  HookSys(std::uint64_t nth, std::function<void()> hook)
      : ForwardingSys{detail::real_sys()}, nth_{nth}, hook_{std::move(hook)} {}

  void arm() { armed_ = true; }
  [[nodiscard]] bool fired() const { return fired_; }

 protected:
  SysResult after(const CallInfo& info, SysResult result) override;

 private:
  std::uint64_t nth_;
  std::function<void()> hook_;
  std::uint64_t seen_ = 0;
  bool armed_ = false;
  bool fired_ = false;
};

/// Renames files into new/ and out again until the kernel keeps no more events.
void flood(const RealQueue& queue);

/// Makes the queue belong to the user that go_without_inotify() becomes.
void give_to_nobody(const RealQueue& queue);
/// Uses up what inotify descriptors there are. For a child process: as another user, where it may.
void go_without_inotify();

/// Whether a thread (or the only thread of a process) sleeps in the event loop.
bool waits_for_events(pid_t thread);
/// Runs `action` once the thread sleeps in the event loop. False when it never did.
bool when_waiting(pid_t thread, const std::function<void()>& action);
/// How often the thread has gone to sleep so far.
std::uint64_t times_slept(pid_t thread);
/// The calling thread, for the above.
pid_t this_thread();

}  // namespace spoolq::test
