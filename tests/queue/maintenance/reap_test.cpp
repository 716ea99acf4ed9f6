// Claims of dead consumers, and detached claims whose lease is over.
#include "queue/maintenance/reap.hpp"

#include "queue/format/attributes.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr const char* kDetached = "detached.0123456789abcdef";
constexpr const char* kPending = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";

Reason reason_of(World& world, const StoredMessage& message) {
  const detail::UniqueFd fd = world.queue->store().open(message.at);
  return detail::get_reason(world.disk, fd.get()).value_or(Reason{});
}

}  // namespace

TEST_CASE("the claim of a dead consumer goes back, its attempt counted", "[queue][upkeep][reap]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  const detail::TakenBack result = detail::reap(*world.queue);
  CHECK(result.returned == 1);
  CHECK(result.failed == 0);
  const StoredMessage ready = only(*world.queue, State::ready);
  CHECK(ready.name.id == claimed.name.id);
  CHECK(ready.name.attempts == 1);
  CHECK(ready.name.claim.empty());
  CHECK(world.log.has("died"));
}

TEST_CASE("the claims of the living are not touched", "[queue][upkeep][reap]") {
  World world;
  const auto other = world.open(world.disk);
  const detail::Registration living{*other};
  const detail::Registration self{*world.queue};
  put_and_claim(*world.queue, "one", living.consumer() + ".1");
  put_and_claim(*world.queue, "two", self.consumer() + ".1");
  const detail::TakenBack result = detail::reap(*world.queue, self.consumer());
  CHECK(result.returned + result.failed == 0);
  CHECK(world.count(Folder::claimed) == 2);
  CHECK(detail::is_alive(*world.queue, living.consumer()));
}

TEST_CASE("the file of a dead consumer is removed once its claims are taken back",
          "[queue][upkeep][reap]") {
  World world;
  world.disk.plant_file(world.path(Folder::consumers, "0123456789abcdef"), "{}");
  put_and_claim(*world.queue, "x");
  detail::reap(*world.queue);
  CHECK(world.count(Folder::ready) == 1);
  CHECK_FALSE(world.disk.exists(world.path(Folder::consumers, "0123456789abcdef")));
}

TEST_CASE("a detached claim ends with its lease", "[queue][upkeep][reap]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x", kDetached);
  const Time end = world.queue->now() + minutes{10};
  detail::change_claim(*world.queue, claimed, kDetached, end);
  detail::TakenBack result = detail::reap(*world.queue);
  CHECK(result.returned == 0);
  CHECK(result.next_lease_end == end);
  world.disk.advance(minutes{11});
  result = detail::reap(*world.queue);
  CHECK(result.returned == 1);
  CHECK_FALSE(result.next_lease_end);
  CHECK_FALSE(only(*world.queue, State::ready).name.lease_until);
}

TEST_CASE("a detached claim without an end is left alone", "[queue][upkeep][reap]") {
  World world;
  put_and_claim(*world.queue, "x", kDetached);
  world.disk.advance(hours{1000});
  CHECK(detail::reap(*world.queue).returned == 0);
  CHECK(world.count(Folder::claimed) == 1);
}

TEST_CASE("at the maximum of attempts a message of the dead fails, with a reason",
          "[queue][upkeep][reap]") {
  World world{{{"max_attempts", "2"}}};
  put_and_claim(*world.queue, "x");
  CHECK(detail::reap(*world.queue).returned == 1);
  claim_only(*world.queue);
  const detail::TakenBack result = detail::reap(*world.queue);
  CHECK(result.returned == 0);
  CHECK(result.failed == 1);
  const StoredMessage failed = only(*world.queue, State::failed);
  CHECK(failed.name.attempts == 2);
  const std::string text = reason_of(world, failed).text;
  INFO(text);
  CHECK(text.find("2 of 2 attempts") != std::string::npos);
  CHECK(text.find("died") != std::string::npos);
}

TEST_CASE("an expired message of the dead fails", "[queue][upkeep][reap]") {
  World world;
  PutOptions options;
  options.time_to_live = minutes{1};
  put_and_claim(*world.queue, "x", kDeadClaim, options);
  world.disk.advance(minutes{2});
  CHECK(detail::reap(*world.queue).failed == 1);
  CHECK(reason_of(world, only(*world.queue, State::failed)).text.find("expired") !=
        std::string::npos);
}

TEST_CASE("somebody's mail in cur/ is not touched", "[queue][upkeep][reap]") {
  World world;
  for (const char* mail : {"1795403405.M633299P10625Q1.vm:2,S", kPending, "letter.txt"}) {
    world.disk.plant_file(world.path(Folder::claimed, mail), "x");
  }
  world.disk.advance(hours{1000});
  CHECK(detail::reap(*world.queue).returned == 0);
  CHECK(world.count(Folder::claimed) == 3);
  CHECK(messages(*world.queue, State::claimed).empty());
}

}  // namespace spoolq::test
