// A clock that jumps: nothing is lost, delivered twice, or taken from anybody.
#include <map>

#include "queue/maintenance/reap.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

/// Takes and acknowledges all there is.
void take_all(Consumer& consumer, std::map<std::string, int>& deliveries) {
  while (auto claim = consumer.try_take()) {
    ++deliveries[claim->payload()];
    claim->ack();
  }
}

PutOptions delayed_by(Duration delay) {
  PutOptions options;
  options.delay = delay;
  return options;
}

std::chrono::nanoseconds wall_clock(World& world) { return world.queue->now().time_since_epoch(); }

}  // namespace

TEST_CASE("whatever the clock does, each message is delivered once", "[consumer][clock]") {
  const auto jump = GENERATE(hours{24 * 365}, hours{2}, -hours{2}, -hours{24 * 365});
  World world;
  put(world.queue, "ready");
  put(world.queue, "soon", delayed_by(minutes{10}));
  put(world.queue, "later", delayed_by(hours{5}));
  std::map<std::string, int> deliveries;
  Consumer consumer{handle(world.queue)};
  auto held = consumer.try_take();
  REQUIRE(held);

  world.disk.set_realtime(wall_clock(world) + jump);
  put(world.queue, "after the jump");
  put(world.queue, "soon after the jump", delayed_by(minutes{10}));
  // The claim of the living is not touched, neither by us nor by somebody who comes now.
  Consumer other{handle(world.queue)};
  world.disk.advance(seconds{5});
  take_all(consumer, deliveries);
  take_all(other, deliveries);
  CHECK(detail::reap(*world.queue).returned == 0);
  CHECK_FALSE(deliveries.contains("ready"));
  CHECK(deliveries["after the jump"] == 1);
  CHECK_FALSE(world.log.has("taken back"));
  held->ack();
  CHECK(world.count(Folder::claimed) == 0);

  // Everything that was delayed comes in the end, and nothing comes again.
  world.disk.advance(hours{24 * 365 + 10});
  take_all(consumer, deliveries);
  take_all(other, deliveries);
  CHECK(deliveries ==
        std::map<std::string, int>{
            {"soon", 1}, {"later", 1}, {"after the jump", 1}, {"soon after the jump", 1}});
  CHECK(world.count(Folder::ready) + world.count(Folder::later) + world.count(Folder::failed) == 0);
}

TEST_CASE("a clock that goes to and fro moves a due message once", "[consumer][clock]") {
  World world;
  put(world.queue, "x", delayed_by(hours{1}));
  std::map<std::string, int> deliveries;
  Consumer consumer{handle(world.queue)};
  const auto begin = wall_clock(world);
  for (const auto jump : {hours{0}, hours{2}, hours{-2}, hours{3}, hours{0}}) {
    world.disk.set_realtime(begin + jump);
    world.disk.advance(seconds{5});
    take_all(consumer, deliveries);
  }
  CHECK(deliveries == std::map<std::string, int>{{"x", 1}});
}

TEST_CASE("an attempt that waits out its backoff outlives a clock that is set back",
          "[consumer][clock][retry_later]") {
  World world{{{"backoff", "1h"}}};
  put(world.queue, "x");
  Consumer consumer{handle(world.queue)};
  REQUIRE(consumer.try_take()->retry_later({.text = "no"}) != State::failed);
  world.disk.set_realtime(wall_clock(world) - hours{100});
  world.disk.advance(seconds{5});
  CHECK_FALSE(consumer.try_take());
  world.disk.advance(hours{101});
  Consumer next{handle(world.queue)};
  const auto again = next.try_take();
  REQUIRE(again);
  CHECK(again->info().attempts == 2);
}

}  // namespace spoolq::test
