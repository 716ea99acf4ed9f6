// What waiting consumers cost: counts and times to compare two versions by. Hidden: it measures,
// and checks only that every message is claimed once.
//   consumer_test "[cost]"
#include <fmt/core.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <list>
#include <new>
#include <thread>
#include <vector>

#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"

namespace spoolq::test {
namespace {

constexpr int kMessagesMax = 4096;
constexpr std::chrono::milliseconds kApart{50};

/// What the consumers tell the test, in memory that all of them share.
struct Counts {
  std::atomic<int> claimed{0};
  std::atomic<std::uint64_t> renames_lost{0};
  std::atomic<std::uint64_t> looks{0};  ///< At a single name.
  std::atomic<std::uint64_t> scans{0};
  std::array<std::atomic<std::int64_t>, kMessagesMax> waited_ns{};
};

class SharedCounts {
 public:
  SharedCounts()
      : memory_{::mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                       -1, 0)} {
    REQUIRE(memory_ != MAP_FAILED);
    counts_ = new (memory_) Counts;
  }
  SharedCounts(const SharedCounts&) = delete;
  SharedCounts& operator=(const SharedCounts&) = delete;
  ~SharedCounts() { ::munmap(memory_, sizeof(Counts)); }
  Counts* operator->() const { return counts_; }
  Counts& operator*() const { return *counts_; }

 private:
  void* memory_;
  Counts* counts_ = nullptr;
};

class CountedSys final : public ForwardingSys {
 public:
  explicit CountedSys(Counts& counts) : ForwardingSys{detail::real_sys()}, counts_{counts} {}

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    if (info.call == Call::renameat2 && result.error() == ENOENT) ++counts_.renames_lost;
    if (info.call == Call::fstatat || info.call == Call::statx) ++counts_.looks;
    if (info.call == Call::getdents64) ++counts_.scans;
    return result;
  }

 private:
  Counts& counts_;
};

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

int consume(RealQueue& queue, Counts& counts) {
  CountedSys sys{counts};
  Consumer consumer = queue.consumer(sys);
  while (auto claim = consumer.take()) {
    const std::int64_t now = now_ns();
    const int place = counts.claimed.fetch_add(1);
    counts.waited_ns.at(static_cast<std::size_t>(place)) = now - std::stoll(claim->payload());
    claim->ack(Sync::none);
  }
  return 0;
}

std::int64_t cpu_ns(pid_t process) {
  clockid_t clock = 0;
  struct timespec time = {};
  REQUIRE(::clock_getcpuclockid(process, &clock) == 0);
  REQUIRE(::clock_gettime(clock, &time) == 0);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

class Measurement {
 public:
  explicit Measurement(int consumers) {
    for (int i = 0; i < consumers; ++i) {
      children_.emplace_back([this] { return consume(queue_, *counts_); });
    }
  }

  void measure(const char* what, int messages, std::chrono::milliseconds apart) {
    rest();
    const Sums before = sums();
    const int first = counts_->claimed;
    const std::int64_t own = cpu_ns(::getpid());
    Producer producer{queue_.path()};
    PutOptions options;
    options.sync = Sync::none;
    for (int i = 0; i < messages; ++i) {
      producer.put(std::to_string(now_ns()), options);
      if (apart.count() > 0) std::this_thread::sleep_for(apart);
    }
    const std::int64_t put = cpu_ns(::getpid()) - own;
    REQUIRE(eventually([&] { return counts_->claimed == first + messages; }));
    rest();
    const Sums after = sums();
    std::vector<std::int64_t> waited(counts_->waited_ns.begin() + first,
                                     counts_->waited_ns.begin() + first + messages);
    std::sort(waited.begin(), waited.end());
    const auto each = [messages](auto from, auto to) {
      return static_cast<double>(to - from) / messages;
    };
    fmt::print(
        "{:>9} {:>7} | {:>9.0f} {:>8.0f} | {:>8.1f} {:>7.2f} {:>8.1f} {:>6.2f} | {:>8} {:>8}\n",
        what, children_.size(), each(before.cpu, after.cpu) / 1000, each(0, put) / 1000,
        each(before.wake_ups, after.wake_ups), each(before.lost, after.lost),
        each(before.looks, after.looks), each(before.scans, after.scans),
        waited[waited.size() / 2] / 1000, waited.back() / 1000);
  }

  /// CPU time in microseconds and wake-ups of all consumers, each second in which nothing comes.
  void measure_idle(const char* what) {
    rest();
    constexpr int kSeconds = 12;
    const Sums before = sums();
    std::this_thread::sleep_for(std::chrono::seconds{kSeconds});
    const Sums after = sums();
    fmt::print("{:>9} {:>7} | {:>9} | {:>8.1f} a second\n", what, children_.size(),
               (after.cpu - before.cpu) / 1000 / kSeconds,
               static_cast<double>(after.wake_ups - before.wake_ups) / kSeconds);
  }

  /// Messages that are due long after the measurement.
  void put_delayed(int messages) {
    Producer producer{queue_.path()};
    PutOptions options;
    options.sync = Sync::none;
    options.delay = std::chrono::hours{1};
    for (int i = 0; i < messages; ++i) producer.put("x", options);
  }

  void measure_due(int messages, std::chrono::milliseconds apart) {
    rest();
    const Sums before = sums();
    const int first = counts_->claimed;
    Producer producer{queue_.path()};
    PutOptions options;
    options.sync = Sync::none;
    for (int i = 0; i < messages; ++i) {
      options.delay = Duration{500 + i * apart.count()};
      producer.put(std::to_string(now_ns()), options);
    }
    REQUIRE(eventually([&] { return counts_->claimed == first + messages; }));
    rest();
    const Sums after = sums();
    const auto each = [messages](auto from, auto to) {
      return static_cast<double>(to - from) / messages;
    };
    fmt::print("{:>9} {:>7} | {:>9.0f} | {:>8.1f} {:>7.2f} {:>8.1f} {:>6.2f}\n", "due",
               children_.size(), each(before.cpu, after.cpu) / 1000,
               each(before.wake_ups, after.wake_ups), each(before.lost, after.lost),
               each(before.looks, after.looks), each(before.scans, after.scans));
  }

 private:
  struct Sums {
    std::int64_t cpu = 0;
    std::uint64_t wake_ups = 0;
    std::uint64_t lost = 0;
    std::uint64_t looks = 0;
    std::uint64_t scans = 0;
  };

  void rest() {
    for (const ChildProcess& child : children_) {
      REQUIRE(eventually([&] { return waits_for_events(child.pid()); }));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  Sums sums() {
    Sums sums;
    for (const ChildProcess& child : children_) {
      sums.cpu += cpu_ns(child.pid());
      sums.wake_ups += times_slept(child.pid());
    }
    sums.lost = counts_->renames_lost;
    sums.looks = counts_->looks;
    sums.scans = counts_->scans;
    return sums;
  }

  RealQueue queue_;
  SharedCounts counts_;
  std::list<ChildProcess> children_;
};

}  // namespace

TEST_CASE("measure what a put costs beside idle consumers", "[.][cost]") {
  fmt::print("{:>9} {:>7} | {:>9} {:>8} | {:>8} {:>7} {:>8} {:>6} | {:>8} {:>8}\n", "puts",
             "waiting", "CPU us", "writer", "wake-ups", "lost", "stats", "reads", "median",
             "max us");
  for (const int consumers : {1, 8, 64}) {
    Measurement measurement{consumers};
    measurement.measure("single", 100, kApart);
    measurement.measure("burst", 1000, std::chrono::milliseconds{0});
    measurement.measure_idle("idle");
    measurement.measure_due(20, std::chrono::milliseconds{100});
    if (consumers == 64) {
      measurement.put_delayed(10000);
      measurement.measure_idle("idle 10k");
      measurement.measure_due(20, std::chrono::milliseconds{100});
    }
  }
}

}  // namespace spoolq::test
