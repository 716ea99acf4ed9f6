// max_messages, max_bytes, max_size and min_free: what would exceed them is refused, and nothing of
// it is left.
#include <algorithm>
#include <sstream>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

std::size_t calls_of(const World& world, Call call) {
  return static_cast<std::size_t>(std::ranges::count_if(
      world.disk.calls(), [&](const CallRecord& record) { return record.call == call; }));
}

/// Whether a file was made since the calls were cleared.
bool made_a_file(const World& world) {
  return std::ranges::any_of(world.disk.calls(), [](const CallRecord& record) {
    return record.call == Call::openat && record.path.find("/tmp/") != std::string::npos;
  });
}

/// What a put of so many bytes, announced, throws; requires that it wrote nothing.
std::error_code refusal(World& world, std::size_t bytes) {
  world.disk.clear_calls();
  const auto error = error_of([&] { return put(world.queue, std::string(bytes, 'x')); });
  if (error) CHECK_FALSE(made_a_file(world));
  CHECK(world.count(Folder::tmp) == 0);
  return error;
}

}  // namespace

TEST_CASE("max_messages is exact for one producer", "[producer][limits]") {
  World world{{{"max_messages", "3"}}};
  for (int i = 0; i < 3; ++i) put(world.queue, "x");
  CHECK(refusal(world, 1) == errc::queue_full);
  CHECK(refusal(world, 1) == condition::temporary);
  CHECK(world.count(Folder::ready) == 3);

  detail::acknowledge(
      *world.queue,
      *detail::claim(*world.queue, messages(*world.queue, State::ready)[0], kDeadClaim),
      Sync::none);
  CHECK_FALSE(refusal(world, 1));
  CHECK(refusal(world, 1) == errc::queue_full);
}

TEST_CASE("the limits count what waits and what is claimed, not the dead letters",
          "[producer][limits]") {
  World world{{{"max_messages", "3"}, {"keep_done", "on"}}};
  PutOptions delayed;
  delayed.delay = std::chrono::hours{1};
  put(world.queue, "later", delayed);
  put_and_claim(*world.queue, "claimed");
  detail::fail(*world.queue, put_and_claim(*world.queue, "failed"), reason("no"));
  detail::acknowledge(*world.queue, put_and_claim(*world.queue, "done"), Sync::none);
  put(world.queue, "ready");
  CHECK(refusal(world, 1) == errc::queue_full);
}

TEST_CASE("max_bytes is compared with the size before anything is written", "[producer][limits]") {
  World world{{{"max_bytes", "1K"}}};
  CHECK(refusal(world, 1025) == errc::queue_full);
  CHECK_THROWS_WITH(put(world.queue, std::string(1025, 'x')),
                    Catch::Contains("this one has 1025 or more, max_bytes is 1K"));
  CHECK_FALSE(refusal(world, 1000));
  CHECK(refusal(world, 25) == errc::queue_full);
  CHECK_FALSE(refusal(world, 24));
  CHECK_FALSE(refusal(world, 0));
}

TEST_CASE("a payload of unknown size is refused as soon as it is too much", "[producer][limits]") {
  const auto [setting, code] =
      GENERATE(std::pair{"max_bytes", errc::queue_full}, std::pair{"max_size", errc::too_large});
  World world{{{setting, "1K"}}};
  Producer producer{handle(world.queue)};
  std::istringstream stream{std::string(1025, 'x')};
  CHECK(error_of([&] { return producer.put(stream); }) == code);
  CHECK(world.count(Folder::tmp) == 0);
  Draft draft = producer.draft();
  draft.write(std::string(1024, 'x'));
  CHECK(error_of([&] { draft.write("x"); }) == code);
  CHECK(error_of([&] { return draft.commit(); }) == errc::condemned);
  CHECK(world.count(Folder::tmp) == 0);
  CHECK(world.count(Folder::ready) == 0);
}

TEST_CASE("drafts count from their beginning, and no longer when they are dropped",
          "[producer][limits]") {
  World world{{{"max_messages", "2"}, {"max_bytes", "100"}}};
  Producer producer{handle(world.queue)};
  {
    const Draft first = producer.draft({}, 60);
    CHECK(error_of([&] { return producer.draft({}, 41); }) == errc::queue_full);
    const Draft second = producer.draft({}, 40);
    CHECK(error_of([&] { return producer.draft(); }) == errc::queue_full);
  }
  Draft third = producer.draft({}, 100);
  third.write(std::string(100, 'x'));
  third.commit();
  CHECK(error_of([&] { return producer.put("x"); }) == errc::queue_full);
}

TEST_CASE("a draft of unknown size counts with what was written", "[producer][limits]") {
  World world{{{"max_bytes", "100"}}};
  Producer producer{handle(world.queue)};
  Draft draft = producer.draft();
  draft.write(std::string(60, 'x'));
  CHECK(error_of([&] { return producer.draft({}, 41); }) == errc::queue_full);
  draft.write(std::string(40, 'x'));
  draft.commit();
  CHECK(error_of([&] { return producer.put("x"); }) == errc::queue_full);
}

TEST_CASE("a limit that somebody else sets holds for the next put", "[producer][limits]") {
  World world;
  const auto other = world.open(world.disk);
  put(world.queue, "x");
  other->configure({{"max_messages", "1"}});
  CHECK(refusal(world, 1) == errc::queue_full);
  other->configure({{"max_messages", "off"}, {"max_size", "3"}});
  CHECK(refusal(world, 4) == errc::too_large);
}

TEST_CASE("two producers overshoot by what the other put within a second", "[producer][limits]") {
  World world{{{"max_messages", "4"}}};
  const auto other = world.open(world.disk);
  put(world.queue, "x");
  put(other, "x");
  for (int i = 0; i < 3; ++i) put(world.queue, "x");  // Knows of its own only.
  CHECK(world.count(Folder::ready) == 5);
  CHECK(error_of([&] { return put(world.queue, "x"); }) == errc::queue_full);
  world.disk.advance(Duration{1001});
  CHECK(error_of([&] { return put(other, "x"); }) == errc::queue_full);
}

TEST_CASE("counting costs a scan a second, and none without limits", "[producer][limits]") {
  World world{{{"max_messages", "1000"}}};
  world.disk.clear_calls();
  put(world.queue, "x");
  const std::size_t one_scan = calls_of(world, Call::getdents64);
  CHECK(one_scan > 0);
  for (int i = 0; i < 50; ++i) put(world.queue, "x");
  CHECK(calls_of(world, Call::getdents64) == one_scan);
  world.disk.advance(Duration{1001});
  put(world.queue, "x");
  CHECK(calls_of(world, Call::getdents64) > one_scan);

  World unlimited;
  unlimited.disk.clear_calls();
  put(unlimited.queue, "x");
  CHECK(calls_of(unlimited, Call::getdents64) == 0);
}

TEST_CASE("files of strangers count with the size they have", "[producer][limits]") {
  World world{{{"max_bytes", "100"}}};
  world.disk.plant_file(world.path(Folder::ready, "report.txt"), std::string(90, 'x'));
  CHECK(refusal(world, 11) == errc::queue_full);
  CHECK_FALSE(refusal(world, 10));
  CHECK(handle(world.queue).stats().bytes == 100);
}

TEST_CASE("a size beyond max_size is refused before anything is written", "[producer][limits]") {
  World world{{{"max_size", "1K"}}};
  CHECK(refusal(world, 1025) == errc::too_large);
  CHECK_FALSE(refusal(world, 1024));
}

TEST_CASE("a put keeps min_free free, also of itself", "[producer][limits]") {
  World world{{{"min_free", "1M"}}};
  world.disk.set_free_bytes((1 << 20) + 1000);
  CHECK(refusal(world, 1001) == errc::queue_full);
  CHECK_FALSE(refusal(world, 1000));
}

TEST_CASE("a long payload of unknown size ends when min_free is reached", "[producer][limits]") {
  World world{{{"min_free", "5M"}}};
  world.disk.set_free_bytes(20U << 20U);
  Producer producer{handle(world.queue)};
  Draft draft = producer.draft();
  const std::string part(1 << 20, 'x');
  const auto error = error_of([&] {
    for (std::uint64_t written = 0; written < 20; ++written) {
      world.disk.set_free_bytes((20 - written) << 20U);
      draft.write(part);
    }
  });
  CHECK(error == errc::queue_full);
  CHECK(world.count(Folder::tmp) == 0);
}

}  // namespace spoolq::test
