// A consumer that waits wakes up for what concerns it, at once, and sleeps otherwise.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <limits>
#include <thread>

#include "queue/store/queue_access.hpp"
#include "spoolq/queue.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"

namespace spoolq::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Runs `act` in another process as soon as this thread sleeps in the event loop; the message that
/// comes within kBeforeTick.
std::optional<Claim> take_while(Consumer& consumer, const std::function<void()>& act) {
  const pid_t self = this_thread();
  ChildProcess other{[&] { return when_waiting(self, act) ? 0 : 1; }};
  auto claim = take_before_tick(consumer);
  if (other.wait() != 0) throw std::runtime_error{"nobody was seen waiting"};
  return claim;
}

double processor_seconds() {
  struct rusage usage = {};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Consumer* stopped_by_signal = nullptr;

}  // namespace

TEST_CASE("a put by another process wakes a consumer that waits", "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  auto claim = take_while(consumer, [&] { queue.put("hello"); });
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  claim->ack();
  SECTION("and the next one too") {
    auto next = take_while(consumer, [&] { queue.put("again"); });
    REQUIRE(next);
    CHECK(next->payload() == "again");
  }
}

TEST_CASE("the name that an event tells is taken without a look at the folder",
          "[consumer][waiting]") {
  RealQueue queue;
  CountingSys sys;
  Consumer consumer = queue.consumer(sys);
  CHECK_FALSE(consumer.take(Duration{0}));
  int without_scan = 0;
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t scans = sys.count(Call::getdents64);
    auto claim = take_while(consumer, [&] { queue.put("hello"); });
    REQUIRE(claim);
    if (sys.count(Call::getdents64) == scans) ++without_scan;
    claim->ack(Sync::none);
  }
  // One of them may have met the regular look.
  CHECK(without_scan >= 4);
}

TEST_CASE("a message that comes back wakes a consumer that waits", "[consumer][waiting]") {
  RealQueue queue;
  queue.put("hello");
  Consumer first = queue.consumer();
  auto taken = first.take(Duration{0});
  REQUIRE(taken);
  Consumer second = queue.consumer();
  CHECK_FALSE(second.take(Duration{0}));
  SECTION("released by another consumer") {
    auto claim = take_while(second, [&] {
      // As the claim's own process does it; here a fork of it stands in for that.
      const auto open = detail::QueueAccess::open(queue.open());
      detail::release(*open, only(*open, State::claimed), std::nullopt);
    });
    REQUIRE(claim);
    CHECK(claim->info().attempts == 2);
  }
  SECTION("retried by hand") {
    taken->fail(reason("no"));
    auto claim = take_while(second, [&] {
      Queue again = queue.open();
      again.retry(again.list(State::failed).at(0));
    });
    REQUIRE(claim);
    CHECK(claim->info().attempts == 1);
  }
}

TEST_CASE("a put after any call that a waiting consumer makes is not slept over",
          "[consumer][waiting]") {
  const bool already_watching = GENERATE(false, true);
  CAPTURE(already_watching);
  bool fired = true;
  std::uint64_t moments = 0;
  for (std::uint64_t nth = 1; fired; ++nth) {
    RealQueue queue;
    HookSys sys{nth, [&] { queue.put("hello"); }};
    Consumer consumer = queue.consumer(sys);
    if (already_watching) CHECK_FALSE(consumer.take(Duration{0}));
    sys.arm();
    // For the last round, in which the consumer sleeps before it has made so many calls.
    const pid_t self = this_thread();
    ChildProcess end{[&] { return when_waiting(self, [&] { queue.put("the end"); }) ? 0 : 1; }};
    const auto claim = take_before_tick(consumer);
    fired = sys.fired();
    CAPTURE(nth, fired);
    REQUIRE(claim);
    if (fired) moments = nth;
  }
  CHECK(moments >= (already_watching ? 1 : 10));
}

TEST_CASE("a put at any moment of a wait is not slept over", "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  constexpr int kMessages = 300;
  // The producer goes on when the message before was taken, after a pause of changing length.
  Pipe taken;
  ChildProcess producer{[&] {
    Producer put{queue.path()};
    PutOptions options;
    options.sync = Sync::none;
    for (int i = 0; i < kMessages; ++i) {
      const auto end = Clock::now() + std::chrono::microseconds{i * 3};
      while (Clock::now() < end) {
      }
      put.put("hello", options);
      if (taken.receive(1) != "+") return 1;
    }
    return 0;
  }};
  int slept_over = 0;
  for (int i = 0; i < kMessages; ++i) {
    auto claim = take_before_tick(consumer);
    if (!claim) {
      ++slept_over;
      claim = consumer.take(kLong);
    }
    REQUIRE(claim);
    claim->ack(Sync::none);
    taken.send("+");
  }
  CHECK(slept_over == 0);
  CHECK(producer.wait() == 0);
}

TEST_CASE("an idle consumer sleeps", "[consumer][waiting]") {
  RealQueue queue;
  PutOptions later;
  later.delay = std::chrono::hours{1};
  queue.put("later", later);
  queue.put("held");
  CountingSys sys;
  Consumer consumer = queue.consumer(sys);
  auto held = consumer.take(Duration{0});
  REQUIRE(held);
  held->detach(std::chrono::hours{1});
  CHECK_FALSE(consumer.take(Duration{0}));

  const std::uint64_t calls = sys.total();
  const double seconds = processor_seconds();
  const auto begin = Clock::now();
  CHECK_FALSE(consumer.take(Duration{2000}));
  CHECK(Clock::now() - begin >= milliseconds{2000});
  CHECK(sys.total() - calls < 60);
  CHECK(processor_seconds() - seconds < 0.2);
}

TEST_CASE("what others do with their claims does not wake a consumer", "[consumer][waiting]") {
  RealQueue queue;
  std::vector<Claim> claims;
  Consumer other = queue.consumer();
  for (int i = 0; i < 200; ++i) {
    queue.put("hello");
    claims.push_back(*other.try_take());
  }
  CountingSys sys;
  Consumer consumer = queue.consumer(sys);
  CHECK_FALSE(consumer.take(Duration{0}));
  const std::uint64_t calls = sys.total();
  const pid_t self = this_thread();
  std::thread finisher{[&] {
    when_waiting(self, [&] {
      for (Claim& claim : claims) claim.ack(Sync::none);
    });
  }};
  CHECK_FALSE(consumer.take(Duration{500}));
  finisher.join();
  CHECK(queue.count(Folder::claimed) == 0);
  CHECK(sys.total() - calls < 60);
}

TEST_CASE("a limit of no time takes what is there and does not wait", "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  const Duration limit = GENERATE(Duration{0}, Duration{-1000}, Duration::min());
  CHECK_FALSE(consumer.take(limit));
  queue.put("hello");
  CHECK(consumer.take(limit));
}

TEST_CASE("a wait ends at its limit and not before", "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  for (const Duration limit : {Duration{1}, Duration{30}, Duration{200}}) {
    const auto begin = Clock::now();
    CHECK_FALSE(consumer.take(limit));
    CHECK(Clock::now() - begin >= limit);
  }
}

TEST_CASE("the longest limit there is does not end at once", "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  const pid_t self = this_thread();
  ChildProcess other{[&] { return when_waiting(self, [&] { queue.put("hello"); }) ? 0 : 1; }};
  CHECK(consumer.take(Duration::max()));
  CHECK(other.wait() == 0);
}

TEST_CASE("stop() from another thread ends the wait", "[consumer][waiting][stop]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  const pid_t self = this_thread();
  bool waited = false;
  std::thread stopper{[&] { waited = when_waiting(self, [&] { consumer.stop(); }); }};
  const auto claim = consumer.take();
  stopper.join();
  CHECK(waited);
  CHECK_FALSE(claim);
  SECTION("and later waits wait again") {
    CHECK(take_while(consumer, [&] { queue.put("hello"); }));
  }
}

TEST_CASE("stop() before the wait ends the next one, and only that", "[consumer][waiting][stop]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  if (GENERATE(false, true)) CHECK_FALSE(consumer.take(Duration{0}));
  consumer.stop();
  consumer.stop();
  CHECK_FALSE(consumer.take());
  CHECK(take_while(consumer, [&] { queue.put("hello"); }));
}

TEST_CASE("stop() at any moment of a wait ends it", "[consumer][waiting][stop]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  std::atomic<int> round{0};
  constexpr int kRounds = 300;
  std::thread stopper{[&] {
    for (int i = 1; i <= kRounds; ++i) {
      while (round < i) std::this_thread::yield();
      const auto end = Clock::now() + std::chrono::microseconds{i};
      while (Clock::now() < end) {
      }
      consumer.stop();
    }
  }};
  int ended = 0;
  for (int i = 1; i <= kRounds; ++i) {
    round = i;
    const auto begin = Clock::now();
    static_cast<void>(consumer.take(kLong));
    if (Clock::now() - begin < kLong) ++ended;
  }
  stopper.join();
  CHECK(ended == kRounds);
}

TEST_CASE("stop() from a signal handler ends the wait", "[consumer][waiting][stop]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  stopped_by_signal = &consumer;
  struct sigaction action = {};
  struct sigaction before = {};
  action.sa_handler = [](int) { stopped_by_signal->stop(); };
  REQUIRE(::sigaction(SIGUSR1, &action, &before) == 0);
  const pid_t self = this_thread();
  const pid_t process = ::getpid();
  for (int i = 0; i < 20; ++i) {
    ChildProcess other{
        [&] { return when_waiting(self, [&] { ::kill(process, SIGUSR1); }) ? 0 : 1; }};
    CHECK_FALSE(consumer.take());
    CHECK(other.wait() == 0);
  }
  ::sigaction(SIGUSR1, &before, nullptr);
  stopped_by_signal = nullptr;
}

TEST_CASE("a delayed message comes when it is due", "[consumer][waiting][due]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  PutOptions later;
  later.delay = milliseconds{300};
  std::optional<Claim> claim;
  SECTION("put before the wait") {
    queue.put("hello", later);
    claim = take_before_tick(consumer);
  }
  SECTION("put while a consumer waits") {
    claim = take_while(consumer, [&] { queue.put("hello", later); });
  }
  SECTION("released with a delay") {
    queue.put("hello");
    consumer.take(Duration{0})->release(later.delay);
    claim = take_before_tick(consumer);
  }
  REQUIRE(claim);
  const auto now = std::chrono::system_clock::now();
  CHECK(now - claim->info().enqueued() >= milliseconds{300});
}

TEST_CASE("the end of a detached claim wakes a consumer that waits", "[consumer][waiting]") {
  RealQueue queue;
  queue.put("hello");
  Consumer holder = queue.consumer();
  holder.try_take()->detach(milliseconds{300});
  Consumer consumer = queue.consumer();
  const auto claim = take_before_tick(consumer);
  REQUIRE(claim);
  CHECK(claim->info().attempts == 2);
}

TEST_CASE("a consumer that waits notices changed settings within five seconds",
          "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{0}));
  queue.open().configure({{"max_attempts", "1"}});
  CHECK_FALSE(consumer.take(Duration{5000}));
  queue.put("hello");
  auto claim = consumer.take(Duration{0});
  REQUIRE(claim);
  claim->release();
  CHECK(queue.count(Folder::failed) == 1);
}

}  // namespace spoolq::test
