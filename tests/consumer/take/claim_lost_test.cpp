// Claims that are over, were taken back, or meet an error: nobody else's message is touched, and
// none is stuck.
#include <cerrno>

#include "tests/consumer/claims.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/process_sys.hpp"

namespace spoolq::test {
namespace {

/// Fails calls of one kind as long as it is told to.
class BrokenSys final : public ForwardingSys {
 public:
  BrokenSys(Sys& inner, Call call, int error) : ForwardingSys{inner}, call_{call}, error_{error} {}
  bool broken = false;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (broken && info.call == call_ && (info.name == nullptr || info.name[0] != '.')) {
      return SysResult::failure(error_);
    }
    return std::nullopt;
  }

 private:
  Call call_;
  int error_;
};

}  // namespace

TEST_CASE("a claim that is over answers every call with claim_lost", "[consumer][claim]") {
  World world;
  const Ending ending = GENERATE(from_range(endings()));
  CAPTURE(ending.name);
  auto claim = put_and_take(world);
  REQUIRE(claim);
  ending.end(*claim);
  const std::string before = whereabouts(world);
  CHECK_FALSE(claim->held());
  for (const std::error_code& code : errors_of_all_calls(*claim)) CHECK(code == errc::claim_lost);
  CHECK(claim->info().attempts == 1);
  claim.reset();
  CHECK(whereabouts(world) == before);
}

TEST_CASE("a claim that was taken back cannot be finished", "[consumer][claim][lost]") {
  World world;
  const Ending ending = GENERATE(from_range(endings()));
  CAPTURE(ending.name);
  auto claim = put_and_take(world);
  REQUIRE(claim);
  take_back(world);
  const auto ready = world.names(Folder::ready);
  CHECK(error_of([&] { return ending.end(*claim), 0; }) == errc::claim_lost);
  CHECK_FALSE(claim->held());
  for (const std::error_code& code : errors_of_all_calls(*claim)) CHECK(code == errc::claim_lost);
  claim.reset();
  CHECK(world.names(Folder::ready) == ready);
  CHECK(whereabouts(world) == "new ");
}

TEST_CASE("a claim that somebody else has by now is his alone", "[consumer][claim][lost]") {
  World world;
  const Ending ending = GENERATE(from_range(endings()));
  const bool same_consumer = GENERATE(false, true);
  CAPTURE(ending.name, same_consumer);
  Consumer first = consumer_of(world);
  Consumer second = consumer_of(world);
  put(world.queue, "hello");
  auto late = first.try_take();
  REQUIRE(late);
  take_back(world);
  auto now = (same_consumer ? first : second).take(Duration{0});
  REQUIRE(now);
  const auto claimed = world.names(Folder::claimed);
  CHECK(error_of([&] { return ending.end(*late), 0; }) == errc::claim_lost);
  late.reset();
  CHECK(world.names(Folder::claimed) == claimed);
  CHECK(now->payload() == "hello");
  now->ack();
  CHECK(whereabouts(world).empty());
}

TEST_CASE("a claim that was taken back and is destroyed does nothing", "[consumer][claim][lost]") {
  World world;
  auto late = put_and_take(world);
  take_back(world);
  Consumer other = consumer_of(world);
  auto now = other.try_take();
  REQUIRE(now);
  late.reset();
  CHECK(whereabouts(world) == "cur ");
  now->ack();
}

TEST_CASE("a claim outlives its consumer and proves that it lives", "[consumer][claim]") {
  World world;
  put(world.queue, "hello");
  std::optional<Consumer> consumer{consumer_of(world)};
  auto claim = consumer->try_take();
  REQUIRE(claim);
  consumer.reset();
  Consumer other = consumer_of(world);
  CHECK_FALSE(other.try_take());
  CHECK(claim->payload() == "hello");
  SECTION("it can be acknowledged") {
    claim->ack();
    CHECK(whereabouts(world).empty());
  }
  SECTION("destroyed, it gives the message to others") {
    claim.reset();
    world.disk.advance(seconds{5});
    auto again = consumer_of(world).try_take();
    REQUIRE(again);
    CHECK(again->info().attempts == 2);
  }
}

TEST_CASE("the claims of a consumer that died are lost to it", "[consumer][claim][death]") {
  World world;
  ProcessSys process{world.disk};
  put(world.queue, "hello");
  {
    Consumer doomed = consumer_of(world, process);
    auto claim = doomed.try_take();
    REQUIRE(claim);
    process.kill();
  }
  auto claim = consumer_of(world).try_take();
  REQUIRE(claim);
  CHECK(claim->info().attempts == 2);
}

TEST_CASE("an ack that the disk refused can be tried again", "[consumer][claim][errors]") {
  World world;
  BrokenSys sys{world.disk, Call::unlinkat, EIO};
  put(world.queue, "hello");
  Consumer consumer = consumer_of(world, sys);
  auto claim = consumer.try_take();
  REQUIRE(claim);
  sys.broken = true;
  CHECK(error_of([&] { return claim->ack(), 0; }) == errno_code(EIO));
  CHECK(claim->held());
  sys.broken = false;
  claim->ack();
  CHECK(whereabouts(world).empty());
}

TEST_CASE("after a failed sync the consumer takes nothing more", "[consumer][claim][errors]") {
  World world;
  BrokenSys sys{world.disk, Call::fsync, EIO};
  put(world.queue, "hello");
  put(world.queue, "another");
  Consumer consumer = consumer_of(world, sys);
  auto claim = consumer.try_take();
  auto second = consumer.try_take();
  REQUIRE(claim);
  REQUIRE(second);
  sys.broken = true;
  CHECK(error_of([&] { return claim->ack(), 0; }) == errno_code(EIO));
  sys.broken = false;
  CHECK(error_of([&] { return second->ack(), 0; }) == errc::condemned);
  CHECK(error_of([&] { return consumer.try_take(); }) == errc::condemned);
}

TEST_CASE("a message that cannot be opened is given back, uncounted, and the next one comes",
          "[consumer][claim][errors]") {
  World world;
  const Call call = GENERATE(Call::openat, Call::fstatat);
  const int error = GENERATE(EMFILE, EIO);
  CAPTURE(to_string(call), error);
  BrokenSys sys{world.disk, call, error};
  Consumer consumer = consumer_of(world, sys);
  put(world.queue, "hello");
  put(world.queue, "another");
  sys.broken = true;
  CHECK(error_of([&] { return consumer.try_take(); }) == errno_code(error));
  sys.broken = false;
  CHECK(whereabouts(world) == "new new ");
  auto next = consumer.try_take();
  REQUIRE(next);
  CHECK(next->payload() == "another");
  auto other = consumer_of(world).try_take();
  REQUIRE(other);
  CHECK(other->payload() == "hello");
  CHECK(other->info().attempts == 1);
}

TEST_CASE("a claim that was taken back is neither extended nor moved", "[consumer][claim][lost]") {
  RealQueue queue;
  RealQueue target;
  queue.put("x");
  Consumer consumer = queue.consumer();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  Queue other = target.open();
  const bool extended = GENERATE(true, false);
  std::filesystem::rename(claim->path(),
                          queue.path(Folder::ready, "5." + claim->id().to_string() + ",S=1"));
  const auto use = [&] {
    extended ? claim->extend() : claim->move(other);
    return 0;
  };
  CHECK(error_of(use) == errc::claim_lost);
  CHECK_FALSE(claim->held());
  CHECK(error_of(use) == errc::claim_lost);
  CHECK(target.count(Folder::ready) == 0);
  CHECK(queue.count(Folder::ready) == 1);
}

TEST_CASE("a claim is not moved into its own queue", "[consumer][claim][move]") {
  RealQueue queue;
  queue.put("x");
  Consumer consumer = queue.consumer();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  Queue same = queue.open();
  CHECK(error_of([&] {
          claim->move(same);
          return 0;
        }) == errc::bad_value);
  CHECK(claim->held());
}

TEST_CASE("a retry policy holds against the settings", "[consumer][claim][retry_later]") {
  RealQueue queue{{{"backoff", "off"}, {"max_attempts", "1"}}};
  queue.put("x");
  Consumer consumer = queue.consumer();
  RetryPolicy policy;
  policy.max_attempts = 2;
  CHECK(consumer.try_take()->retry_later({.text = "no"}, policy) == State::ready);
  policy.max_attempts = 3;
  policy.backoff = Backoff{std::chrono::hours{100}, std::chrono::hours{100}};
  // A wait of no time at all is as good as impossible.
  CHECK(consumer.try_take()->retry_later({.text = "no"}, policy) == State::delayed);
}

}  // namespace spoolq::test
