// What a consumer does for all while it takes, and what it leaves to those who finish.
#include <fcntl.h>

#include <algorithm>
#include <thread>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::milliseconds;

/// A disk without room for a name in cur/ until the ballast is gone. `fails` is for the next
/// rename.
class FullSys final : public ForwardingSys {
 public:
  explicit FullSys(World& world) : ForwardingSys{world.disk}, world_{world} {}
  int fails = 0;
  int claimed = -1;  ///< cur/, once it is full.

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::renameat2) return std::nullopt;
    if (fails != 0) return SysResult::failure(std::exchange(fails, 0));
    const bool into_claimed = claimed >= 0 && info.to_dir == claimed;
    if (!into_claimed || !world_.disk.exists("/q/ballast")) return std::nullopt;
    return SysResult::failure(ENOSPC);
  }

 private:
  World& world_;
};

}  // namespace

TEST_CASE("the first look of a consumer sweeps tmp/, prunes done/ and makes spares",
          "[consumer][upkeep]") {
  World world{{{"keep_done", "1h"}}};
  detail::acknowledge(*world.queue, put_and_claim(*world.queue, "x"), Sync::none);
  REQUIRE(world.count(Folder::done) == 1);
  world.disk.plant_file(world.path(Folder::tmp, "5.01935a7b-8c3d-7e21-9f4a-2b6c8d0e1f3a"), "left");
  for (const std::string& name : world.names(Folder::consumers)) {
    world.disk.unlink(world.path(Folder::consumers, name));
  }
  world.disk.advance(std::chrono::hours{2});
  Consumer consumer{handle(world.queue)};
  CHECK_FALSE(consumer.try_take());
  CHECK(world.count(Folder::tmp) == 0);
  CHECK(world.count(Folder::done) == 0);
  CHECK(std::ranges::count_if(world.names(Folder::consumers), [](const std::string& name) {
          return name.starts_with("spare.");
        }) == 4);
}

TEST_CASE("what upkeep makes ready is taken by the same call", "[consumer][upkeep]") {
  RealQueue queue;
  std::optional<Consumer> consumer;
  const milliseconds span{1000};
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
  std::this_thread::sleep_for(span + milliseconds{100});
  CHECK(consumer->try_take());
}

TEST_CASE("on a full disk the ballast is for finishing as long as a claim is held",
          "[consumer][upkeep][full]") {
  World world;
  for (const char* payload : {"one", "two"}) put(world.queue, payload);
  FullSys sys{world};
  Consumer consumer{handle(world.open(sys))};
  auto claim = consumer.try_take();
  REQUIRE(claim);
  sys.claimed = detail::QueueAccess::open(consumer.queue())->fd(Folder::claimed);
  CHECK(error_of([&] { return consumer.try_take(); }) == errno_code(ENOSPC));
  CHECK(world.disk.exists("/q/ballast"));
  SECTION("one that was finished is held no longer") { claim->ack(); }
  SECTION("nor one that could not be given back") {
    sys.fails = EIO;
    claim.reset();
    REQUIRE(sys.fails == 0);
  }
  CHECK(consumer.try_take());
  CHECK_FALSE(world.disk.exists("/q/ballast"));
}

TEST_CASE("a consumer that begins removes the files of the dead", "[consumer][upkeep][death]") {
  World world;
  Consumer consumer{handle(world.queue)};
  REQUIRE(world.disk
              .openat(world.queue->fd(Folder::consumers), "0123456789abcdef",
                      O_WRONLY | O_CREAT | O_EXCL, 0600)
              .ok());
  CHECK_FALSE(consumer.try_take());
  const auto left = world.names(Folder::consumers);
  CHECK(std::find(left.begin(), left.end(), "0123456789abcdef") == left.end());
}

}  // namespace spoolq::test
