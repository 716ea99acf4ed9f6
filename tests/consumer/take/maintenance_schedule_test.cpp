// MaintenanceSchedule: which part of the maintenance is due when.
#include "consumer/take/maintenance_schedule.hpp"

#include <fcntl.h>

#include <algorithm>

#include "queue/store/pause.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using detail::Events;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Clock = detail::MaintenanceSchedule::Clock;

constexpr const char* kDetached = "detached.0123456789abcdef";
constexpr const char* kDeadConsumer = "0123456789abcdef";
constexpr const char* kPending = "5.01935a7b-8c3d-7e21-9f4a-2b6c8d0e1f3a";

/// The schedule of a consumer over a disk in memory, and when its test began.
struct Fixture {
  explicit Fixture(const std::vector<SettingChange>& settings = {}) : world{settings} {}

  World world;
  detail::ConsumerIdentity identity{world.queue};
  detail::MaintenanceSchedule schedule{identity};
  const Clock::time_point start = Clock::now();

  void plant_dead_consumer() {
    REQUIRE(world.disk
                .openat(world.queue->fd(Folder::consumers), kDeadConsumer,
                        O_WRONLY | O_CREAT | O_EXCL, 0600)
                .ok());
  }
  [[nodiscard]] bool has_dead_consumer() const {
    return world.disk.exists(world.path(Folder::consumers, kDeadConsumer));
  }
  /// Does what is due at the start.
  void settle() {
    schedule.tick(start, true);
    schedule.move_due();
    schedule.reclaim(start);
    schedule.clean(start);
  }
};

}  // namespace

TEST_CASE("a tick comes every four seconds, and every half second without a watch",
          "[consumer][maintenance]") {
  const bool is_watching = GENERATE(true, false);
  const milliseconds interval{is_watching ? 4000 : 500};
  Fixture fixture;
  auto& schedule = fixture.schedule;
  CHECK(schedule.tick(fixture.start, is_watching));
  CHECK_FALSE(schedule.tick(fixture.start + interval - milliseconds{1}, is_watching));
  schedule.move_due();
  CHECK(schedule.until_next(fixture.start) == interval);
  CHECK(schedule.until_next(fixture.start + hours{1}) == Duration{0});
  CHECK(schedule.tick(fixture.start + interval, is_watching));
}

TEST_CASE("a tick reads the settings, and an event about them brings it forward",
          "[consumer][maintenance]") {
  Fixture fixture;
  fixture.settle();
  fixture.world.open(fixture.world.disk)->configure({{"max_attempts", "7"}});
  Events events;
  SECTION("changed settings") { events.queue_changed = true; }
  SECTION("lost events") { events.overflow = true; }
  fixture.schedule.note({});
  CHECK_FALSE(fixture.schedule.tick(fixture.start, true));
  CHECK(fixture.world.queue->settings()->max_attempts == 5);
  fixture.schedule.note(events);
  CHECK(fixture.schedule.tick(fixture.start, true));
  CHECK(fixture.world.queue->settings()->max_attempts == 7);
}

TEST_CASE("an event about a delayed message tells when it is due", "[consumer][maintenance]") {
  Fixture fixture;
  fixture.settle();
  auto& schedule = fixture.schedule;
  for (const minutes delay : {minutes{2}, minutes{1}, minutes{3}}) {
    PutOptions options;
    options.delay = delay;
    put(fixture.world.queue, "x", options);
    Events events;
    events.delayed = fixture.world.names(Folder::later);
    schedule.note(events);
  }
  CHECK_FALSE(schedule.has_due());
  fixture.world.disk.advance(minutes{1} - seconds{2});
  CHECK_FALSE(schedule.has_due());
  CHECK(schedule.until_next(fixture.start) <= seconds{3});
  fixture.world.disk.advance(seconds{2});
  CHECK(schedule.has_due());
  CHECK(schedule.move_due() == 1);
  CHECK_FALSE(schedule.has_due());
  fixture.world.disk.advance(minutes{1});
  CHECK(schedule.has_due());
}

TEST_CASE("claims are reclaimed at a tick and when a consumer has ended",
          "[consumer][maintenance]") {
  Fixture fixture;
  put_and_claim(*fixture.world.queue, "one");
  CHECK(fixture.schedule.reclaim(fixture.start));
  put_and_claim(*fixture.world.queue, "two");
  CHECK_FALSE(fixture.schedule.reclaim(fixture.start));
  CHECK(fixture.world.count(Folder::claimed) == 1);
  fixture.plant_dead_consumer();
  Events events;
  SECTION("a tick") { fixture.schedule.tick(fixture.start, true); }
  SECTION("the end of a consumer") { events.ended = {kDeadConsumer}; }
  SECTION("lost events") { events.overflow = true; }
  fixture.schedule.note(events);
  const auto later = Clock::now() + seconds{1};
  CHECK(fixture.schedule.reclaim(later));
  CHECK(fixture.world.count(Folder::claimed) == 0);
  CHECK_FALSE(fixture.schedule.reclaim(later));
}

TEST_CASE("the end of a consumer is looked into once, by the first to see its file",
          "[consumer][maintenance][death]") {
  Fixture fixture;
  fixture.settle();
  fixture.plant_dead_consumer();
  put_and_claim(*fixture.world.queue, "x");
  Events events;
  events.ended = {kDeadConsumer};
  fixture.schedule.note(events);
  SECTION("not before its locks have ended too") {
    CHECK_FALSE(fixture.schedule.reclaim(fixture.start));
    CHECK(fixture.schedule.until_next(Clock::now()) <= milliseconds{20});
  }
  SECTION("not when another consumer has done it") {
    fixture.world.disk.unlink(fixture.world.path(Folder::consumers, kDeadConsumer));
    CHECK_FALSE(fixture.schedule.reclaim(Clock::now() + seconds{1}));
  }
  CHECK(fixture.world.count(Folder::claimed) == 1);
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

TEST_CASE("a consumer with a watch removes files of dead consumers when an event tells of an end",
          "[consumer][maintenance][death]") {
  const bool is_watching = GENERATE(true, false);
  Fixture fixture;
  fixture.settle();
  fixture.plant_dead_consumer();
  const auto later = fixture.start + seconds{4};
  REQUIRE(fixture.schedule.tick(later, is_watching));
  fixture.schedule.reclaim(later);
  CHECK(fixture.has_dead_consumer() == is_watching);
  Events events;
  events.ended = {kDeadConsumer};
  fixture.schedule.note(events);
  fixture.schedule.reclaim(later);
  CHECK_FALSE(fixture.has_dead_consumer());
}

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

TEST_CASE("the clean-up runs once a minute", "[consumer][maintenance]") {
  Fixture fixture;
  fixture.settle();
  fixture.world.disk.plant_file(fixture.world.path(Folder::tmp, kPending), "left");
  fixture.world.disk.advance(hours{1});
  fixture.schedule.clean(fixture.start + seconds{59});
  CHECK(fixture.world.count(Folder::tmp) == 1);
  fixture.schedule.clean(fixture.start + seconds{60});
  CHECK(fixture.world.count(Folder::tmp) == 0);
}

TEST_CASE("a detached claim is reclaimed at the end of its lease, without a tick",
          "[consumer][maintenance]") {
  Fixture fixture;
  const StoredMessage claimed = put_and_claim(*fixture.world.queue, "x", kDetached);
  detail::change_claim(*fixture.world.queue, claimed, kDetached,
                       fixture.world.queue->now() + seconds{2});
  fixture.settle();
  CHECK(fixture.schedule.until_next(fixture.start) <= seconds{2});
  CHECK_FALSE(fixture.schedule.reclaim(fixture.start));
  fixture.world.disk.advance(seconds{2});
  CHECK(fixture.schedule.until_next(fixture.start) == Duration{0});
  CHECK(fixture.schedule.reclaim(fixture.start));
  CHECK(fixture.schedule.until_next(fixture.start) == seconds{4});
}

TEST_CASE("with a lease the claims of living consumers are looked at in time",
          "[consumer][maintenance][lease]") {
  Fixture fixture{{{"lease", "3s"}}};
  const detail::ConsumerIdentity other{fixture.world.queue};
  put_and_claim(*fixture.world.queue, "x", other.registration().consumer() + ".1");
  fixture.settle();
  CHECK(fixture.schedule.until_next(fixture.start) <= seconds{1});
  bool is_reclaimed = false;
  for (int i = 1; i <= 3; ++i) {
    CHECK_FALSE(is_reclaimed);
    fixture.world.disk.advance(seconds{1});
    is_reclaimed = fixture.schedule.reclaim(fixture.start + seconds{i});
  }
  CHECK(is_reclaimed);
}

TEST_CASE("a tick gives abandoned claims back, counted if a caller had the message",
          "[consumer][maintenance]") {
  const bool is_counted = GENERATE(false, true);
  Fixture fixture;
  const auto& consumer = fixture.identity.registration().consumer();
  fixture.identity.abandon({put_and_claim(*fixture.world.queue, "x", consumer + ".1"), is_counted});
  fixture.schedule.tick(fixture.start, true);
  CHECK(only(*fixture.world.queue, State::ready).name.attempts == (is_counted ? 1 : 0));
  CHECK(fixture.identity.take_abandoned().empty());
}

TEST_CASE("a pause is noticed when the schedule looks for it", "[consumer][maintenance]") {
  Fixture fixture;
  detail::pause_queue(*fixture.world.queue);
  CHECK_FALSE(fixture.schedule.paused());
  fixture.schedule.look_for_pause();
  CHECK(fixture.schedule.paused());
  detail::resume_queue(*fixture.world.queue);
  fixture.schedule.look_for_pause();
  CHECK_FALSE(fixture.schedule.paused());
}

}  // namespace spoolq::test
