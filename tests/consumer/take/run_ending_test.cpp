// Consumer::run(): when it ends, by itself and when it is told to.
#include <csignal>
#include <thread>

#include "tests/consumer/running.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using Until = RunOptions::Until;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

Consumer* stopped_by_signal = nullptr;

}  // namespace

TEST_CASE("stop() lets the handlers that run end, and takes nothing more",
          "[consumer][run][stop]") {
  RealQueue queue;
  put_many(queue, 6);
  Gate gate;
  Consumer consumer = queue.consumer();
  RunOptions options;
  options.concurrency = 2;
  options.prefetch = 1;
  Background run{consumer, [&](Claim&) { gate.wait(); }, options};
  REQUIRE(gate.has(2));
  SECTION("from another thread") { consumer.stop(); }
  SECTION("from a signal handler") {
    stopped_by_signal = &consumer;
    struct sigaction action = {};
    struct sigaction before = {};
    action.sa_handler = [](int) { stopped_by_signal->stop(); };
    ::sigaction(SIGUSR1, &action, &before);
    ::kill(::getpid(), SIGUSR1);
    ::sigaction(SIGUSR1, &before, nullptr);
  }
  CHECK(eventually([&] { return queue.count(Folder::claimed) == 2; }));
  CHECK_FALSE(run.over());
  gate.open();
  CHECK(run.ends());
  // The prefetched one was not begun: its attempt does not count.
  CHECK(queue.count(Folder::claimed) == 0);
  const auto left = queue.open().list(State::ready);
  REQUIRE(left.size() == 4);
  for (const MessageInfo& message : left) CHECK(message.attempts == 0);
}

TEST_CASE("a handler may stop the run it is in", "[consumer][run][stop]") {
  RealQueue queue;
  put_many(queue, 5);
  Consumer consumer = queue.consumer();
  int handled = 0;
  consumer.run([&](Claim&) {
    if (++handled == 2) consumer.stop();
  });
  CHECK(handled == 2);
  CHECK(queue.count(Folder::ready) == 3);
  // The next run is not ended by an old stop().
  consumer.run([&](Claim&) { ++handled; }, until_empty());
  CHECK(handled == 5);
}

TEST_CASE("a hard stop asks handlers to hurry, and gives back what they throw for, uncounted",
          "[consumer][run][stop]") {
  RealQueue queue;
  put_many(queue, 2);
  Consumer consumer = queue.consumer();
  std::atomic<int> inside{0};
  RunOptions options;
  options.concurrency = 2;
  Background run{consumer,
                 [&](Claim& claim) {
                   ++inside;
                   const std::stop_token stop = consumer.stop_token();
                   eventually([&] { return stop.stop_requested(); });
                   if (claim.payload() == "message 0") throw std::runtime_error{"interrupted"};
                 },
                 options};
  REQUIRE(eventually([&] { return inside == 2; }));
  consumer.stop(Stop::drain);
  CHECK_FALSE(consumer.stop_token().stop_requested());
  consumer.stop(Stop::hard);
  CHECK(run.ends());
  const auto left = queue.open().list(State::ready);
  REQUIRE(left.size() == 1);
  CHECK(left.front().attempts == 0);
  CHECK(queue.count(Folder::claimed) + queue.count(Folder::later) == 0);
}

TEST_CASE("a run that ends with the last message", "[consumer][run]") {
  RealQueue queue;
  std::atomic<int> handled{0};
  Consumer consumer = queue.consumer();
  PutOptions later;
  later.delay = milliseconds{400};
  SECTION("does not wait for delayed ones") {
    queue.put("now");
    queue.put("later", later);
    consumer.run([&](Claim&) { ++handled; }, until_empty());
    CHECK(handled == 1);
    CHECK(queue.count(Folder::later) == 1);
  }
  SECTION("waits for them if it is to") {
    queue.put("now");
    queue.put("later", later);
    RunOptions options;
    options.until = Until::empty;
    consumer.run([&](Claim&) { ++handled; }, options);
    CHECK(handled == 2);
  }
  SECTION("waits for a message that a handler gave back") {
    queue.put("x");
    consumer.run(
        [&](Claim& claim) {
          if (++handled < 3) claim.release();
        },
        until_empty());
    CHECK(handled == 3);
  }
  SECTION("waits for a file that settles, and not for one that does not") {
    write_file(queue.path(Folder::ready, "dropped.txt"), "here");
    write_file(queue.path(Folder::ready, "placeholder.txt"), "");
    consumer.run([&](Claim&) { ++handled; }, until_empty());
    CHECK(handled == 1);
  }
  SECTION("ends at once in a queue that is paused") {
    queue.put("x");
    queue.open().pause();
    consumer.run([&](Claim&) { ++handled; }, until_empty());
    CHECK(handled == 0);
  }
  CHECK(queue.count(Folder::claimed) == 0);
}

TEST_CASE("a run that waits for the last message ends at once when another consumer has it",
          "[consumer][run][herd]") {
  RealQueue queue;
  Consumer other = queue.consumer();
  std::atomic<int> handled{0};
  // It has room for more, so it goes on watching and wakes nobody.
  RunOptions room_for_two;
  room_for_two.concurrency = 2;
  std::atomic<pid_t> thread{0};
  room_for_two.tick = hours{1};
  room_for_two.on_tick = [&] { thread = this_thread(); };
  Background watching{other, [&](Claim&) { ++handled; }, room_for_two};
  REQUIRE(eventually([&] { return thread != 0 && waits_for_events(thread); }));
  Consumer consumer = queue.consumer();
  PutOptions delayed;
  delayed.delay = milliseconds{500};
  queue.put("x", delayed);
  RunOptions until_all_done;
  until_all_done.until = Until::empty;
  const auto began = steady_clock::now();
  consumer.run([&](Claim&) { ++handled; }, until_all_done);
  CHECK(steady_clock::now() - began < kBeforeTick);
  CHECK(eventually([&] { return handled == 1; }));
  other.stop();
  CHECK(watching.ends());
}

TEST_CASE("a stop is of one run, and the harder one holds", "[consumer][run][stop]") {
  RealQueue queue{{{"backoff", "off"}, {"max_attempts", "2"}}};
  queue.put("x");
  Consumer consumer = queue.consumer();
  int handled = 0;
  const auto handler = [&](Claim&) {
    ++handled;
    throw std::runtime_error{"no"};
  };
  consumer.stop(Stop::hard);
  consumer.stop(Stop::drain);
  consumer.run(handler, until_empty());
  CHECK(handled == 0);
  CHECK(consumer.stop_token().stop_requested());
  // What is thrown counts again.
  consumer.run(handler, until_empty());
  CHECK(handled == 2);
  CHECK(queue.count(Folder::failed) == 1);
}

TEST_CASE("a message that becomes due at the very end is waited for", "[consumer][run][due]") {
  /// An hour goes by when new/ is looked at.
  class HourlyLook final : public ForwardingSys {
   public:
    explicit HourlyLook(World& world) : ForwardingSys{world.disk}, world_{world} {}
    int new_folder = -1;

   protected:
    SysResult after(const CallInfo& info, SysResult result) override {
      if (info.call == Call::openat && info.fd == new_folder) {
        new_folder = -1;
        world_.disk.advance(hours{1});
      }
      return result;
    }

   private:
    World& world_;
  };
  World world;
  PutOptions delayed;
  delayed.delay = std::chrono::minutes{30};
  put(world.queue, "x", delayed);
  HourlyLook sys{world};
  const auto open = world.open(sys);
  Consumer consumer{handle(open)};
  sys.new_folder = open->fd(Folder::ready);
  RunOptions options;
  options.until = Until::empty;
  int handled = 0;
  consumer.run([&](Claim&) { ++handled; }, options);
  CHECK(sys.new_folder == -1);
  CHECK(handled == 1);
}

TEST_CASE("a disk that fails ends the run with its error", "[consumer][run][errors]") {
  class FailingSync final : public ForwardingSys {
   public:
    FailingSync() : ForwardingSys{detail::real_sys()} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool sync = info.call == Call::fsync || info.call == Call::syncfs;
      return sync ? std::optional{SysResult::failure(EIO)} : std::nullopt;
    }
  };
  RealQueue queue;
  put_many(queue, 5);
  FailingSync sys;
  Consumer consumer = queue.consumer(sys);
  std::atomic<int> handled{0};
  Background run{consumer, [&](Claim&) { ++handled; }};
  REQUIRE(run.ends());
  CHECK(run.error() == std::errc::io_error);
  CHECK(handled >= 1);
}

}  // namespace spoolq::test
