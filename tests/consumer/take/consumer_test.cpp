// Consumer: how maintenance, claims and waits work together.
#include "spoolq/consumer.hpp"

#include <optional>
#include <thread>

#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {

TEST_CASE("what upkeep makes ready is taken by the same call", "[consumer][upkeep]") {
  RealQueue queue;
  std::optional<Consumer> consumer;
  const std::chrono::milliseconds span{1000};
  SECTION("a delayed message that is due") {
    consumer.emplace(queue.consumer());
    CHECK_FALSE(consumer->take(Duration{0}));
    PutOptions options;
    options.delay = span;
    queue.put("hello", options);
  }
  SECTION("a held claim that has ended") {
    queue.put("hello");
    queue.consumer().try_take()->detach(span);
    consumer.emplace(queue.consumer());
    CHECK_FALSE(consumer->take(Duration{0}));
  }
  std::this_thread::sleep_for(span + std::chrono::milliseconds{100});
  CHECK(consumer->try_take());
}

}  // namespace spoolq::test
