// The public Queue.
#include "spoolq/queue.hpp"

#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {

TEST_CASE("Queue::reap does it all and counts it", "[queue][upkeep]") {
  World world{{{"keep_done", "1h"}, {"max_attempts", "1"}}};
  acknowledge(*world.queue, put_and_claim(*world.queue, "done"), Sync::durable);
  put_and_claim(*world.queue, "dead");
  PutOptions delayed;
  delayed.delay = std::chrono::minutes{1};
  put(world.queue, "later", delayed);
  world.disk.plant_file(world.path(Folder::tmp, "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60"), "x");
  world.disk.advance(std::chrono::hours{2});
  const ReapCounts counts = handle(world.queue).reap();
  CHECK(counts.returned == 0);
  CHECK(counts.failed == 1);
  CHECK(counts.due == 1);
  CHECK(counts.swept == 1);
  CHECK(counts.pruned == 1);
}

}  // namespace spoolq::test
