// Consumer::run(): how many handlers, and what becomes of their messages.
#include <fmt/core.h>

#include <csignal>
#include <latch>
#include <set>
#include <thread>

#include "tests/consumer/running.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

std::optional<Reason> reason_of(RealQueue& queue, State state) {
  const Queue open = queue.open();
  const auto messages = open.list(state);
  REQUIRE(messages.size() == 1);
  return open.details(messages.front()).reason;
}

}  // namespace

TEST_CASE("run() hands each message to a handler once and acknowledges it", "[consumer][run]") {
  RealQueue queue;
  put_many(queue, 30);
  std::mutex mutex;
  std::multiset<std::string> seen;
  Consumer consumer = queue.consumer();
  consumer.run(
      [&](Claim& claim) {
        const std::string payload = claim.payload();
        const std::lock_guard lock{mutex};
        seen.insert(payload);
      },
      until_empty(4));
  CHECK(seen.size() == 30);
  CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == 30);
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) == 0);
}

TEST_CASE("never more is claimed than handlers are free", "[consumer][run]") {
  const unsigned prefetch = GENERATE(0U, 2U);
  RealQueue queue;
  put_many(queue, 10);
  Gate gate;
  Consumer consumer = queue.consumer();
  RunOptions options = until_empty(3);
  options.prefetch = prefetch;
  Background run{consumer, [&](Claim&) { gate.wait(); }, options};
  REQUIRE(gate.has(3));
  const std::size_t claimed = 3 + prefetch;
  CHECK(eventually([&] { return queue.count(Folder::claimed) == claimed; }));
  // A put is an occasion to claim too much.
  queue.put("one more");
  std::this_thread::sleep_for(milliseconds{50});
  CHECK(queue.count(Folder::claimed) == claimed);
  gate.open();
  CHECK(run.ends());
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) == 0);
}

TEST_CASE("what a handler throws is the reason, and the message waits out its backoff",
          "[consumer][run]") {
  RealQueue queue{{{"backoff", "1h"}}};
  queue.put("x");
  Consumer consumer = queue.consumer();
  SECTION("an exception") {
    consumer.run([](Claim&) { throw std::runtime_error{"no such user"}; }, until_empty());
    const auto reason = reason_of(queue, State::delayed);
    REQUIRE(reason);
    CHECK(reason->text == "no such user");
    CHECK_FALSE(reason->consumer.empty());
  }
  SECTION("anything else") {
    consumer.run([](Claim&) { throw 7; }, until_empty());
    CHECK(reason_of(queue, State::delayed));
  }
  CHECK(queue.open().list(State::delayed).at(0).attempts == 1);
}

TEST_CASE("a message whose handler always throws ends in failed/ after max_attempts",
          "[consumer][run]") {
  RealQueue queue{{{"backoff", "off"}, {"max_attempts", "3"}}};
  queue.put("x");
  Consumer consumer = queue.consumer();
  int runs = 0;
  consumer.run(
      [&](Claim&) {
        ++runs;
        throw std::runtime_error{"never"};
      },
      until_empty());
  CHECK(runs == 3);
  const auto reason = reason_of(queue, State::failed);
  REQUIRE(reason);
  CHECK(reason->text == "never; given up after 3 of 3 attempts");
}

TEST_CASE("a handler may finish its message itself", "[consumer][run]") {
  RealQueue queue;
  put_many(queue, 4);
  Consumer consumer = queue.consumer();
  int turn = 0;
  consumer.run(
      [&](Claim& claim) {
        switch (turn++) {
          case 0:
            claim.ack();
            break;
          case 1:
            claim.fail({.text = "no"});
            break;
          case 2:
            claim.release(hours{1});
            break;
          default:
            claim.ack();
            throw std::runtime_error{"after the end"};
        }
      },
      until_empty());
  CHECK(turn == 4);
  CHECK(queue.count(Folder::failed) == 1);
  CHECK(queue.count(Folder::later) == 1);
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) == 0);
  CHECK(queue.log.has("after the end"));
  CHECK_FALSE(queue.log.has("claim lost"));
}

TEST_CASE("no handlers are one", "[consumer][run]") {
  RealQueue queue;
  queue.put("x");
  Consumer consumer = queue.consumer();
  std::atomic<int> handled{0};
  Background run{consumer, [&](Claim&) { ++handled; }, until_empty(0)};
  CHECK(run.ends());
  CHECK(handled == 1);
  consumer.stop();
}

TEST_CASE("acks of handlers that end together share one sync", "[consumer][run][sync]") {
  constexpr int kHandlers = 8;
  /// Holds the first fsync of a folder until all messages have been unlinked.
  class SlowSync final : public ForwardingSys {
   public:
    SlowSync() : ForwardingSys{detail::real_sys()} {}
    std::atomic<int> unlinked{0};
    std::atomic<int> syncs{0};
    std::atomic<bool> counting{false};

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool sync = info.call == Call::fsync || info.call == Call::syncfs;
      if (counting && sync && ++syncs == 1) {
        eventually([this] { return unlinked == kHandlers; });
      }
      return std::nullopt;
    }
    SysResult after(const CallInfo& info, SysResult result) override {
      if (counting && info.call == Call::unlinkat && result.ok()) ++unlinked;
      return result;
    }
  };
  RealQueue queue;
  put_many(queue, kHandlers);
  SlowSync sys;
  Consumer consumer = queue.consumer(sys);
  std::latch together{kHandlers};
  consumer.run(
      [&](Claim&) {
        together.arrive_and_wait();
        sys.counting = true;
      },
      until_empty(kHandlers));
  CHECK(sys.unlinked == kHandlers);
  CHECK(sys.syncs >= 1);
  CHECK(sys.syncs <= 2);
}

TEST_CASE("a claim that a handler lost harms nobody", "[consumer][run][lost]") {
  RealQueue queue;
  queue.put("x");
  Consumer consumer = queue.consumer();
  int handled = 0;
  consumer.run(
      [&](Claim& claim) {
        if (++handled > 1) return;
        const std::string back = queue.path(Folder::ready, claim.id().to_string());
        // Taken back behind our backs.
        std::filesystem::rename(
            claim.path(), queue.path(Folder::ready) + "/5." + claim.id().to_string() + ",S=1");
      },
      until_empty());
  CHECK(handled == 2);
  CHECK(queue.log.has("claim lost"));
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) == 0);
}

TEST_CASE("signals are not delivered to handlers", "[consumer][run]") {
  RealQueue queue;
  queue.put("x");
  Consumer consumer = queue.consumer();
  bool blocked = false;
  consumer.run(
      [&](Claim&) {
        sigset_t mask{};
        ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
        blocked = ::sigismember(&mask, SIGTERM) == 1 && ::sigismember(&mask, SIGINT) == 1;
      },
      until_empty());
  CHECK(blocked);
  sigset_t mask{};
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  CHECK(::sigismember(&mask, SIGTERM) == 0);
}

TEST_CASE("a hanging handler loses its message to another consumer after the lease",
          "[consumer][run][lease]") {
  RealQueue queue{{{"lease", "300ms"}}};
  queue.put("x");
  Gate gate;
  Consumer hanging = queue.consumer();
  Background run{hanging, [&](Claim&) { gate.wait(); }, until_empty()};
  REQUIRE(gate.has(1));
  Consumer other = queue.consumer();
  auto claim = take_before_tick(other);
  REQUIRE(claim);
  CHECK(claim->info().attempts == 2);
  gate.open();
  REQUIRE(run.ends());
  CHECK(run.error() == std::error_code{});
  CHECK(queue.log.has("claim lost"));
  claim->ack();
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) == 0);
}

}  // namespace spoolq::test
