// Finished messages, spare files and the ballast.
#include "queue/maintenance/cleanup.hpp"

#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

}  // namespace

TEST_CASE("finished messages are kept as long as keep_done says", "[queue][upkeep][done]") {
  World world{{{"keep_done", "1h"}}};
  world.disk.plant_file(world.path(Folder::done, "README"), "x");
  acknowledge(*world.queue, put_and_claim(*world.queue, "one"), Sync::durable);
  world.disk.advance(minutes{50});
  acknowledge(*world.queue, put_and_claim(*world.queue, "two"), Sync::durable);
  CHECK(detail::prune_done(*world.queue) == 0);
  world.disk.advance(minutes{15});
  CHECK(detail::prune_done(*world.queue) == 1);
  CHECK(only(*world.queue, State::done).name.size == 3);
  world.disk.advance(hours{2});
  CHECK(detail::prune_done(*world.queue) == 1);
  CHECK(world.names(Folder::done) == std::vector<std::string>{"README"});
}

TEST_CASE("with keep_done on nothing finished is removed", "[queue][upkeep][done]") {
  World world{{{"keep_done", "on"}}};
  acknowledge(*world.queue, put_and_claim(*world.queue, "one"), Sync::durable);
  world.disk.advance(hours{100'000});
  CHECK(detail::prune_done(*world.queue) == 0);
}

TEST_CASE("restock makes spares and ballast again", "[queue][upkeep][restock]") {
  World world;
  const auto spares = world.names(Folder::consumers);
  REQUIRE(spares.size() == 4);
  for (const std::string& spare : spares) world.disk.unlink(world.path(Folder::consumers, spare));
  world.disk.unlink("/q/ballast");
  detail::restock(*world.queue);
  CHECK(world.count(Folder::consumers) == 4);
  CHECK(world.disk.read_file("/q/ballast").size() == 65'536);
  detail::restock(*world.queue);
  CHECK(world.count(Folder::consumers) == 4);
}

TEST_CASE("restock on a full disk leaves no half of anything", "[queue][upkeep][restock]") {
  World world;
  world.disk.unlink("/q/ballast");
  world.disk.set_capacity(1);
  CHECK_NOTHROW(detail::restock(*world.queue));
  CHECK_FALSE(world.disk.exists("/q/ballast"));
}

}  // namespace spoolq::test
