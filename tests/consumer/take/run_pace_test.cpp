// Consumer::run() in the course of time: waiting, upkeep, pace and ticks.
#include <stdexcept>
#include <thread>

#include "tests/consumer/running.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

TEST_CASE("who is busy is not asked for a pace, and woken by no put", "[consumer][run][pace]") {
  RealQueue queue;
  queue.put("x");
  Consumer consumer = queue.consumer();
  Gate gate;
  std::atomic<int> asked{0};
  std::atomic<pid_t> thread{0};
  RunOptions options;
  options.pace = [&] {
    ++asked;
    return Duration{0};
  };
  options.tick = hours{1};
  options.on_tick = [&] { thread = this_thread(); };
  Background run{consumer, [&](Claim&) { gate.wait(); }, options};
  REQUIRE(gate.has(1));
  REQUIRE(eventually([&] { return waits_for_events(thread); }));
  const std::uint64_t before = times_slept(thread);
  for (int i = 0; i < 100; ++i) {
    queue.put("y");
    REQUIRE(eventually([&] { return waits_for_events(thread); }));
  }
  // It looks by itself every four seconds.
  CHECK(times_slept(thread) - before < 20);
  consumer.wake();
  CHECK(eventually([&] { return times_slept(thread) > before && waits_for_events(thread); }));
  CHECK(asked == 1);
  consumer.stop();
  gate.open();
  CHECK(run.ends());
}

TEST_CASE("an on_tick that throws ends a run after its handlers, which may be stopped meanwhile",
          "[consumer][run][stop]") {
  RealQueue queue;
  put_many(queue, 2);
  Consumer consumer = queue.consumer();
  std::atomic<bool> inside{false};
  std::atomic<bool> interrupted{false};
  std::atomic<bool> throwing{false};
  std::atomic<int> thrown{0};
  RunOptions options;
  options.prefetch = 1;
  options.tick = milliseconds{5};
  options.on_tick = [&] {
    if (!throwing) return;
    ++thrown;
    throw Error{make_error_code(errc::bad_value), "write", "the log"};
  };
  Background run{consumer,
                 [&](Claim&) {
                   inside = true;
                   const std::stop_token stop = consumer.stop_token();
                   interrupted = eventually([&] { return stop.stop_requested(); });
                 },
                 options};
  REQUIRE(eventually([&] { return inside && queue.count(Folder::claimed) == 2; }));
  int times = 1;
  SECTION("before it is to end") { times = 2; }
  SECTION("when it is to end") {
    consumer.stop();
    // The one that waited is given back.
    REQUIRE(eventually([&] { return queue.count(Folder::ready) == 1; }));
  }
  throwing = true;
  REQUIRE(eventually([&] { return thrown == times; }));
  // It is not called again, however long that takes.
  std::this_thread::sleep_for(milliseconds{50});
  CHECK_FALSE(run.over());
  consumer.stop(Stop::hard);
  CHECK(run.ends());
  CHECK(interrupted);
  CHECK(thrown == times);
  CHECK(run.error() == errc::bad_value);
  CHECK(queue.count(Folder::ready) == 1);
  CHECK(queue.count(Folder::claimed) == 0);
}

TEST_CASE("a pace that throws ends a run after its handlers", "[consumer][run][pace]") {
  RealQueue queue;
  put_many(queue, 2);
  Gate gate;
  Consumer consumer = queue.consumer();
  RunOptions options;
  options.concurrency = 2;
  bool first = true;
  std::atomic<bool> thrown{false};
  options.pace = [&] {
    if (std::exchange(first, false)) return Duration{0};
    thrown = gate.has(1);
    throw Error{make_error_code(errc::bad_value), "ask", "pace"};
  };
  Background run{consumer, [&](Claim&) { gate.wait(); }, options};
  REQUIRE(eventually([&] { return thrown.load(); }));
  CHECK_FALSE(run.over());
  gate.open();
  CHECK(run.ends());
  CHECK(run.error() == errc::bad_value);
  CHECK(queue.count(Folder::ready) == 1);
  CHECK(queue.count(Folder::claimed) == 0);
}

TEST_CASE("a run that waits is woken by a put", "[consumer][run]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  std::atomic<int> handled{0};
  std::atomic<pid_t> thread{0};
  RunOptions options;
  options.tick = hours{1};
  options.on_tick = [&] { thread = this_thread(); };
  Background run{consumer, [&](Claim&) { ++handled; }, options};
  REQUIRE(eventually([&] { return thread != 0 && waits_for_events(thread); }));
  const auto began = steady_clock::now();
  queue.put("x");
  REQUIRE(eventually([&] { return handled == 1; }));
  CHECK(steady_clock::now() - began < kBeforeTick);
  consumer.stop();
  CHECK(run.ends());
}

TEST_CASE("upkeep goes on while all handlers are busy", "[consumer][run][due]") {
  RealQueue queue;
  queue.put("x");
  Gate gate;
  Consumer consumer = queue.consumer();
  Background run{consumer, [&](Claim&) { gate.wait(); }};
  REQUIRE(gate.has(1));
  PutOptions options;
  options.delay = milliseconds{200};
  queue.put("delayed", options);
  CHECK(eventually([&] { return queue.count(Folder::ready) == 1; }));
  consumer.stop();
  gate.open();
  CHECK(run.ends());
}

TEST_CASE("pace holds messages back until it is asked again", "[consumer][run][pace]") {
  RealQueue queue;
  put_many(queue, 3);
  Consumer consumer = queue.consumer();
  std::atomic<bool> closed{true};
  std::atomic<int> asked{0};
  std::atomic<int> handled{0};
  RunOptions options = until_empty();
  options.pace = [&] {
    ++asked;
    return Duration{closed ? hours{1} : hours{0}};
  };
  Background run{consumer, [&](Claim&) { ++handled; }, options};
  REQUIRE(eventually([&] { return asked > 0; }));
  CHECK(handled == 0);
  CHECK_FALSE(run.over());
  closed = false;
  consumer.wake();
  CHECK(run.ends());
  CHECK(handled == 3);
}

TEST_CASE("on_tick is called while a run waits, is busy, and drains", "[consumer][run]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  Gate gate;
  std::atomic<int> ticks{0};
  RunOptions options;
  options.tick = milliseconds{5};
  options.on_tick = [&] { ++ticks; };
  Background run{consumer, [&](Claim&) { gate.wait(); }, options};
  const auto ticks_on = [&] {
    const int before = ticks;
    return eventually([&] { return ticks > before + 2; });
  };
  CHECK(ticks_on());
  queue.put("x");
  REQUIRE(gate.has(1));
  CHECK(ticks_on());
  consumer.stop();
  CHECK(ticks_on());
  gate.open();
  CHECK(run.ends());
}

}  // namespace spoolq::test
