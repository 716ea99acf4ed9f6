// Consumer: how maintenance, claims and waits work together.
#include "spoolq/consumer.hpp"

#include <optional>
#include <thread>

#include "spoolq/producer.hpp"
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

TEST_CASE("of more delayed messages than a consumer remembers none comes late",
          "[consumer][upkeep][due]") {
  constexpr int kMessages = 2200;  // Twice 1,024, and more.
  RealQueue queue;
  Consumer consumer = queue.consumer();
  REQUIRE_FALSE(consumer.take(Duration{0}));
  PutOptions options;
  Producer producer{queue.path()};
  options.sync = Sync::none;
  for (int i = 0; i < kMessages; ++i) {
    options.delay = std::chrono::milliseconds{200 + i % 7};
    producer.put("x", options);
  }
  for (int i = 0; i < kMessages; ++i) {
    // A look at the whole folder by the clock would come after a minute.
    auto claim = consumer.take(kLong);
    REQUIRE(claim);
    claim->ack(Sync::none);
  }
  CHECK(queue.count(Folder::later) == 0);
}

}  // namespace spoolq::test
