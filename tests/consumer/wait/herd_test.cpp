// Many consumers that wait: what a put costs them, and that no stopped one holds a message back.
#include <fmt/core.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <list>
#include <optional>
#include <thread>
#include <vector>

#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"

namespace spoolq::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kCrowd = 64;
/// What a consumer sees when it looks whether a file is there.
enum class Look { true_one, finds_all };

/// May find every message that it is asked about.
class LookingSys final : public ForwardingSys {
 public:
  explicit LookingSys(Sys& inner, Look look) : ForwardingSys{inner}, look_{look} {}

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    const bool finds = look_ == Look::finds_all && info.call == Call::fstatat &&
                       std::strchr(info.name, ',') != nullptr;
    return finds && result.error() == ENOENT ? SysResult::success() : result;
  }

 private:
  Look look_;
};

/// Consumers on threads of their own, each of which takes and acknowledges until stop().
class Crowd {
 public:
  using Meanwhile = std::function<void()>;

  /// `limit` is that of each take. `meanwhile` is done with a message in hand.
  Crowd(RealQueue& queue, int count, Duration limit = kLong, Meanwhile meanwhile = {},
        Look look = Look::true_one)
      : meanwhile_{std::move(meanwhile)} {
    for (int i = 0; i < count; ++i) {
      Member& member = members_.emplace_back(look);
      member.consumer = std::make_unique<Consumer>(queue.open(member.looking));
      member.thread = std::thread{[this, &member, limit] { serve(member, limit); }};
    }
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    over_ = true;
    for (Member& member : members_) member.consumer->stop();
    for (Member& member : members_) member.thread.join();
  }

  /// Waits until all of them sleep.
  bool asleep() {
    for (Member& member : members_) {
      if (!eventually([&] { return member.id != 0 && waits_for_events(member.id); })) return false;
    }
    return true;
  }
  [[nodiscard]] int taken() const { return taken_; }
  bool took(int count) {
    return eventually([&] { return taken_ >= count; });
  }
  [[nodiscard]] std::uint64_t lost_renames() const {
    std::uint64_t sum = 0;
    for (const Member& member : members_) sum += member.sys.lost_renames();
    return sum;
  }
  [[nodiscard]] std::uint64_t wake_ups() const {
    std::uint64_t sum = 0;
    for (const Member& member : members_) sum += times_slept(member.id);
    return sum;
  }

 private:
  struct Member {
    explicit Member(Look look) : looking{sys, look} {}
    CountingSys sys;
    LookingSys looking;
    std::unique_ptr<Consumer> consumer;
    std::atomic<pid_t> id{0};
    std::thread thread;
  };

  void serve(Member& member, Duration limit) {
    member.id = this_thread();
    while (!over_) {
      auto claim = member.consumer->take(limit);
      if (!claim) continue;
      if (meanwhile_) meanwhile_();
      claim->ack(Sync::none);
      ++taken_;
    }
  }

  Meanwhile meanwhile_;
  std::atomic<bool> over_{false};
  std::atomic<int> taken_{0};
  std::list<Member> members_;
};

/// What it costs when messages come one after the other to consumers that all sleep.
struct Cost {
  double wake_ups = 0;      ///< Of each consumer, for each message.
  double lost_renames = 0;  ///< Of all, for each message.
};

Cost cost_of(int consumers, int messages, Look look = Look::true_one) {
  RealQueue queue;
  Crowd crowd{queue, consumers, std::chrono::hours{1}, {}, look};
  REQUIRE(crowd.asleep());
  const auto wake_ups = crowd.wake_ups();
  const auto lost_renames = crowd.lost_renames();
  for (int i = 1; i <= messages; ++i) {
    queue.put("x");
    REQUIRE(crowd.took(i));
    REQUIRE(crowd.asleep());
  }
  return {static_cast<double>(crowd.wake_ups() - wake_ups) / messages / consumers,
          static_cast<double>(crowd.lost_renames() - lost_renames) / messages};
}

/// Of sixty-four consumers, so many may try the rename of one message in vain.
constexpr double kLostRenamesMax = kCrowd / 2.0;

}  // namespace

TEST_CASE("a put makes few of sixty-four idle consumers try a rename in vain", "[consumer][herd]") {
  const Cost cost = cost_of(kCrowd, 40);
  INFO(fmt::format("{} wake-ups each, {} lost renames", cost.wake_ups, cost.lost_renames));
  CHECK(cost.lost_renames <= kLostRenamesMax);
  // The event, and the jitter's end; a lock that it waits for counts, too.
  CHECK(cost.wake_ups <= 6);
}

TEST_CASE("control: without the look before a claim the lost renames are noticed",
          "[consumer][herd]") {
  CHECK(cost_of(kCrowd, 10, Look::finds_all).lost_renames > kLostRenamesMax);
}

TEST_CASE("a burst wakes as many as there are messages", "[consumer][herd]") {
  constexpr int kMessages = 24;
  RealQueue queue;
  std::atomic<int> at_once{0};
  std::atomic<bool> all_there{false};
  Crowd crowd{queue, 32, kLong, [&] {
                ++at_once;
                all_there = all_there || at_once == kMessages;
                eventually([&] { return all_there.load(); });
                --at_once;
              }};
  REQUIRE(crowd.asleep());
  for (int i = 0; i < kMessages; ++i) queue.put("x");
  CHECK(crowd.took(kMessages));
  CHECK(all_there);
}

TEST_CASE("of files that are renamed in together, each of several that wait takes one at once",
          "[consumer][herd][strangers]") {
  constexpr int kFiles = 5;
  RealQueue queue{{{"settle", "1h"}}};
  std::atomic<int> at_once{0};
  std::atomic<bool> all_there{false};
  Crowd crowd{queue, 8, kLong, [&] {
                ++at_once;
                all_there = all_there || at_once == kFiles;
                eventually([&] { return all_there.load(); });
                --at_once;
              }};
  REQUIRE(crowd.asleep());
  const auto rename_in = [&](const std::string& name) {
    write_file(queue.around() / name, "x");
    std::filesystem::rename(queue.around() / name, queue.path(Folder::ready, name));
  };
  for (int i = 0; i < kFiles; ++i) rename_in(fmt::format("report {}", i));
  CHECK(crowd.took(kFiles));
  CHECK(all_there);
  write_file(queue.path(Folder::ready, "in place"), "x");
  rename_in("last");
  CHECK(crowd.took(kFiles + 1));
  CHECK(queue.names(Folder::ready) == std::vector<std::string>{"in place"});
}

TEST_CASE("a file that is renamed in while the consumer is busy need not settle",
          "[consumer][herd][strangers]") {
  RealQueue queue{{{"settle", "1h"}}};
  Consumer consumer = queue.consumer();
  REQUIRE_FALSE(consumer.take(Duration{0}));
  queue.put("x");
  auto claim = consumer.take(kLong);
  REQUIRE(claim);
  const auto rename_in = [&](const std::string& name) {
    write_file(queue.around() / name, "x");
    std::filesystem::rename(queue.around() / name, queue.path(Folder::ready, name));
  };
  rename_in("first");
  rename_in("second");
  claim->ack(Sync::none);
  claim = consumer.take(kLong);
  REQUIRE(claim);
  SECTION("at once") {}
  SECTION("after a look at everything") { std::this_thread::sleep_for(milliseconds{4500}); }
  claim->ack(Sync::none);
  CHECK(consumer.take(kLong));
}

TEST_CASE("consumers that come and go at any moment sleep over no message", "[consumer][herd]") {
  RealQueue queue;
  Crowd crowd{queue, 6, Duration{3}};
  constexpr int kMessages = 400;
  for (int i = 1; i <= kMessages; ++i) {
    const auto began = steady_clock::now();
    queue.put("x");
    REQUIRE(crowd.took(i));
    REQUIRE(steady_clock::now() - began < kBeforeTick);
  }
}

TEST_CASE("waits that end and waits that do not, together, sleep over no message",
          "[consumer][herd]") {
  RealQueue queue;
  Crowd patient{queue, 4};
  Crowd hasty{queue, 4, Duration{2}};
  for (int i = 1; i <= 200; ++i) {
    const auto began = steady_clock::now();
    queue.put("x");
    REQUIRE(eventually([&] { return patient.taken() + hasty.taken() >= i; }));
    REQUIRE(steady_clock::now() - began < kBeforeTick);
  }
}

TEST_CASE("consumers wait on when one of them is killed", "[consumer][herd][death]") {
  RealQueue queue;
  const bool with_child = GENERATE(false, true);
  ChildProcess killed{[&] {
    Consumer consumer = queue.consumer();
    std::thread forker{[&] {
      if (!when_waiting(::getpid(), [] {})) std::_Exit(1);
      // A child that lives on has no part in its parent's locks.
      if (with_child && ::fork() == 0) {
        // Who waits for the end of our output is not to wait for this.
        ::close(STDOUT_FILENO);
        ::close(STDERR_FILENO);
        ::sleep(20);
        std::_Exit(0);
      }
      write_file(queue.around() / "ready", "");
    }};
    consumer.take();
    forker.join();
    return 0;
  }};
  REQUIRE(eventually([&] { return std::filesystem::exists(queue.around() / "ready"); }));
  Crowd crowd{queue, 3};
  REQUIRE(crowd.asleep());
  killed.kill();
  const auto began = steady_clock::now();
  queue.put("x");
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began < kBeforeTick);
}

TEST_CASE("a killed consumer's claim goes to an idle one when its job has ended, too",
          "[consumer][herd][death]") {
  RealQueue queue;
  queue.put("held");
  Pipe helper;
  ChildProcess killed{[&] {
    Consumer consumer = queue.consumer();
    RunOptions two;
    two.concurrency = 2;
    consumer.run(
        [&](Claim& claim) {
          // What a supervising process has, which may live longer.
          std::optional<ClaimHolder> holder{claim.holder()};
          if (::fork() == 0) {
            const pid_t self = ::getpid();
            helper.send({reinterpret_cast<const char*>(&self), sizeof self});
            ::close(STDOUT_FILENO);
            ::close(STDERR_FILENO);
            ::sleep(20);
            holder.reset();
            std::_Exit(0);
          }
          holder.reset();
          ::sleep(60);
        },
        two);
    return 0;
  }};
  pid_t job = 0;
  const std::string sent = helper.receive(sizeof job);
  REQUIRE(sent.size() == sizeof job);
  std::memcpy(&job, sent.data(), sizeof job);
  REQUIRE(when_waiting(killed.pid(), [] {}));
  {
    Crowd crowd{queue, 3};
    REQUIRE(crowd.asleep());
    killed.kill();
    const auto began = steady_clock::now();
    queue.put("x");
    CHECK(crowd.took(1));
    CHECK(steady_clock::now() - began < kBeforeTick);
    // The message of the one that was killed is nobody's as long as its job lives.
    CHECK(queue.count(Folder::claimed) == 1);
    ::kill(job, SIGKILL);
    CHECK(crowd.took(2));
  }
}

namespace {

/// A message may wait so long beside an idle consumer.
constexpr Duration kWaitMax{5000};

/// Consumers in processes of their own, one of which is stopped.
class StoppedOne {
 public:
  StoppedOne(RealQueue& queue, std::size_t stopped) : queue_{queue} {
    for (int i = 0; i < 3; ++i) {
      processes_.emplace_back([&queue] {
        Consumer consumer = queue.consumer();
        while (auto claim = consumer.take()) claim->ack(Sync::none);
        return 0;
      });
      // One after the other: of some schemes the first or the last one is another.
      REQUIRE(when_waiting(processes_.back().pid(), [] {}));
    }
    ::kill(std::next(processes_.begin(), static_cast<std::ptrdiff_t>(stopped))->pid(), SIGSTOP);
  }

  /// Whether the queue is empty within kWaitMax.
  [[nodiscard]] bool empties() const {
    const auto deadline = steady_clock::now() + kWaitMax;
    while (queue_.count(Folder::ready) + queue_.count(Folder::later) +
               queue_.count(Folder::claimed) >
           0) {
      if (steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(milliseconds{5});
    }
    return true;
  }

 private:
  RealQueue& queue_;
  std::list<ChildProcess> processes_;
};

}  // namespace

TEST_CASE("a consumer that is stopped while it waits holds no message back",
          "[consumer][herd][stopped]") {
  RealQueue queue;
  const auto stopped = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
  const StoppedOne consumers{queue, stopped};
  SECTION("messages one after the other") {
    for (int i = 0; i < 4; ++i) {
      queue.put("x");
      CHECK(consumers.empties());
    }
  }
  SECTION("messages together") {
    for (int i = 0; i < 20; ++i) queue.put("x");
    CHECK(consumers.empties());
  }
  SECTION("delayed messages") {
    PutOptions options;
    for (int i = 0; i < 3; ++i) {
      options.delay = Duration{300};
      queue.put("x", options);
      CHECK(consumers.empties());
    }
  }
}

TEST_CASE("a consumer that is stopped while it waits holds no dead consumer's claim back",
          "[consumer][herd][stopped][death]") {
  RealQueue queue;
  queue.put("x");
  ChildProcess holder{[&] {
    Consumer consumer = queue.consumer();
    const auto claim = consumer.try_take();
    write_file(queue.around() / "held", "");
    ::sleep(60);
    return 0;
  }};
  REQUIRE(eventually([&] { return std::filesystem::exists(queue.around() / "held"); }));
  const auto stopped = GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2});
  const StoppedOne consumers{queue, stopped};
  holder.kill();
  CHECK(consumers.empties());
}

TEST_CASE("a message waits for no consumer that is busy", "[consumer][herd][run]") {
  RealQueue queue;
  std::atomic<bool> inside{false};
  std::atomic<bool> let_go{false};
  Crowd busy{queue, 1, kLong, [&] {
               inside = true;
               eventually([&] { return let_go.load(); });
             }};
  REQUIRE(busy.asleep());
  queue.put("x");
  REQUIRE(eventually([&] { return inside.load(); }));
  {
    Crowd crowd{queue, 1};
    REQUIRE(crowd.asleep());
    const auto began = steady_clock::now();
    queue.put("y");
    CHECK(crowd.took(1));
    CHECK(steady_clock::now() - began < kBeforeTick);
  }
  let_go = true;
}

TEST_CASE("a delayed message comes to one of many in time", "[consumer][herd][due]") {
  RealQueue queue;
  Crowd crowd{queue, 8};
  REQUIRE(crowd.asleep());
  PutOptions options;
  options.delay = milliseconds{300};
  const auto began = steady_clock::now();
  queue.put("x", options);
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began >= milliseconds{300});
  CHECK(steady_clock::now() - began < kBeforeTick);
}

TEST_CASE("the claim of one that dies comes to one of many at once", "[consumer][herd][death]") {
  RealQueue queue;
  queue.put("x");
  ChildProcess holder{[&] {
    Consumer consumer = queue.consumer();
    const auto claim = consumer.try_take();
    write_file(queue.around() / "held", "");
    ::sleep(60);
    return 0;
  }};
  REQUIRE(eventually([&] { return std::filesystem::exists(queue.around() / "held"); }));
  Crowd crowd{queue, 8};
  REQUIRE(crowd.asleep());
  const auto began = steady_clock::now();
  holder.kill();
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began < kBeforeTick);
}

TEST_CASE("changed settings and a pause reach all that wait", "[consumer][herd]") {
  RealQueue queue;
  Crowd crowd{queue, 4};
  REQUIRE(crowd.asleep());
  queue.open().pause();
  queue.put("x");
  queue.open().resume();
  const auto began = steady_clock::now();
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began < kBeforeTick);
}

}  // namespace spoolq::test
