// Claims that are extended, or handed over to another queue.
#include <thread>

#include "tests/consumer/running.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

}  // namespace

TEST_CASE("a handler that extends its claim keeps it", "[consumer][lease]") {
  RealQueue queue{{{"lease", "400ms"}}};
  queue.put("x");
  Consumer working = queue.consumer();
  auto claim = working.try_take();
  REQUIRE(claim);
  std::atomic<bool> over{false};
  std::atomic<bool> robbed{false};
  std::thread other{[&] {
    Consumer consumer = queue.consumer();
    while (!over) {
      if (consumer.take(Duration{50})) robbed = true;
    }
  }};
  const auto end = steady_clock::now() + milliseconds{1500};
  while (steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds{40});
    const std::string before = claim->path();
    claim->extend();
    CHECK(claim->path() != before);
    CHECK(std::filesystem::exists(claim->path()));
  }
  over = true;
  other.join();
  CHECK_FALSE(robbed);
  CHECK(claim->payload() == "x");
  claim->ack();
  CHECK(queue.count(Folder::claimed) == 0);
}

TEST_CASE("a claim is handed over to another queue", "[consumer][claim][move]") {
  RealQueue queue{{{"backoff", "off"}}};
  RealQueue target;
  PutOptions options;
  options.headers = {{"user", "7"}};
  options.name = "cat.jpg";
  const MessageId id = queue.put("x", options);
  Consumer consumer = queue.consumer();
  REQUIRE(consumer.try_take()->retry_later({.text = "once"}) == State::ready);
  auto claim = consumer.try_take();
  REQUIRE(claim);
  Queue other = target.open();
  claim->move(other);
  CHECK_FALSE(claim->held());
  CHECK(queue.count(Folder::claimed) == 0);
  const auto moved = other.list(State::ready);
  REQUIRE(moved.size() == 1);
  CHECK(moved.front().id == id);
  CHECK(moved.front().attempts == 0);
  const MessageDetails details = other.details(moved.front());
  CHECK(details.headers == options.headers);
  CHECK_FALSE(details.reason);
}

TEST_CASE("a target that refuses a message leaves the claim", "[consumer][claim][move]") {
  RealQueue queue;
  RealQueue target{{{"max_size", "1"}}};
  queue.put("too large");
  Consumer consumer = queue.consumer();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  Queue other = target.open();
  CHECK(error_of([&] {
          claim->move(other);
          return 0;
        }) == errc::too_large);
  CHECK(claim->held());
  claim->ack();
}

}  // namespace spoolq::test
