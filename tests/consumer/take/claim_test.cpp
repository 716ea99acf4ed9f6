// The ends of a claim, on a disk in memory.
#include "tests/consumer/claims.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

std::size_t count_calls(const World& world, std::initializer_list<Call> kinds) {
  std::size_t count = 0;
  for (const CallRecord& record : world.disk.calls()) {
    for (const Call kind : kinds) count += record.call == kind ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("an acknowledged message is gone", "[consumer][claim]") {
  World world;
  auto claim = put_and_take(world);
  REQUIRE(claim);
  CHECK(claim->held());
  claim->ack();
  CHECK_FALSE(claim->held());
  CHECK(whereabouts(world).empty());
  CHECK_FALSE(consumer_of(world).try_take());
}

TEST_CASE("an ack tells the disk before it returns, and Sync::none does not",
          "[consumer][claim][sync]") {
  const bool keep = GENERATE(false, true);
  World world{{{"keep_done", keep ? "on" : "off"}}};
  auto claim = put_and_take(world);
  REQUIRE(claim);
  world.disk.clear_calls();
  SECTION("durable") {
    claim->ack();
    const auto calls = world.disk.calls();
    REQUIRE(calls.size() >= 2);
    CHECK(calls.at(calls.size() - 2).call == Call::fsync);
    CHECK(calls.at(calls.size() - 2).path == "/q/cur");
    CHECK(calls.back().call == Call::fstat);
    const auto crashed = world.disk.crash(world.disk.keep_nothing());
    CHECK(crashed->list("/q/cur").empty());
    CHECK(crashed->list("/q/new").empty());
    CHECK(crashed->list("/q/done").size() == (keep ? 1 : 0));
  }
  SECTION("none") {
    claim->ack(Sync::none);
    CHECK(count_calls(world, {Call::fsync, Call::syncfs}) == 0);
    CHECK(count_calls(world, {Call::renameat2, Call::unlinkat}) == 1);
  }
}

TEST_CASE("a finished message is kept where the queue keeps them", "[consumer][claim]") {
  World world{{{"keep_done", "on"}}};
  const MessageId id = put(world.queue, "hello");
  consumer_of(world).try_take()->ack();
  CHECK(whereabouts(world) == "done ");
  const auto done = only(*world.queue, State::done);
  CHECK(done.name.id == id);
  CHECK(done.name.claim.empty());
  CHECK(done.name.attempts == 1);
}

TEST_CASE("a released message comes again, its attempt counted", "[consumer][claim]") {
  World world;
  Consumer consumer = consumer_of(world);
  const MessageId id = put(world.queue, "hello");
  for (unsigned attempt = 1; attempt <= 3; ++attempt) {
    auto claim = consumer.try_take();
    REQUIRE(claim);
    CHECK(claim->id() == id);
    CHECK(claim->info().attempts == attempt);
    claim->release();
    CHECK(whereabouts(world) == "new ");
  }
}

TEST_CASE("a claim that is destroyed unfinished is released", "[consumer][claim]") {
  World world;
  put_and_take(world).reset();
  CHECK(whereabouts(world) == "new ");
  CHECK(only(*world.queue, State::ready).name.attempts == 1);
  CHECK(consumer_of(world).try_take()->info().attempts == 2);
}

TEST_CASE("a message released with a delay waits in later/", "[consumer][claim]") {
  World world;
  auto claim = put_and_take(world);
  claim->release(seconds{10});
  CHECK(whereabouts(world) == "later ");
  Consumer consumer = consumer_of(world);
  CHECK_FALSE(consumer.try_take());
  world.disk.advance(seconds{11});
  auto again = consumer.try_take();
  REQUIRE(again);
  CHECK(again->info().attempts == 2);
}

TEST_CASE("a time that a name has no room for is refused, and the claim stays",
          "[consumer][claim]") {
  World world;
  auto claim = put_and_take(world);
  const Duration span = GENERATE(Duration{hours{24 * 365 * 1000}}, Duration::max());
  CHECK(error_of([&] { return claim->release(span), 0; }) == errc::bad_value);
  CHECK(error_of([&] { return claim->detach(span); }) == errc::bad_value);
  CHECK(claim->held());
  CHECK(whereabouts(world) == "cur ");
  claim->release(Duration::min());
  CHECK(whereabouts(world) == "new ");
}

TEST_CASE("a claim that is to be tried again later tells when that is", "[consumer][claim]") {
  World world{{{"backoff", "100d"}}};  // So that no random time is over at once.
  put(world.queue, "hello");
  auto claim = consumer_of(world).try_take();
  REQUIRE(claim);
  REQUIRE(claim->retry_later({.text = "busy"}) == State::delayed);
  const auto delayed = only(*world.queue, State::delayed);
  CHECK(claim->info().state == State::delayed);
  REQUIRE(claim->info().due);
  const auto due = claim->info().due->time_since_epoch().count();
  CHECK(delayed.at.file().starts_with(std::to_string(due) + "."));
}

TEST_CASE("at the maximum of attempts a released message fails", "[consumer][claim]") {
  World world{{{"max_attempts", "2"}}};
  Consumer consumer = consumer_of(world);
  put(world.queue, "hello");
  consumer.try_take()->release();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  if (GENERATE(false, true)) {
    claim->release(hours{1});
  } else {
    claim.reset();
  }
  CHECK(whereabouts(world) == "failed ");
  Queue queue = handle(world.queue);
  const auto why = queue.details(queue.list(State::failed).at(0)).reason;
  REQUIRE(why);
  CHECK(why->text == "given up after 2 of 2 attempts");
}

TEST_CASE("a failed message has its reason", "[consumer][claim]") {
  World world;
  Reason given;
  given.text = "the command failed";
  given.exit_code = 3;
  given.error_output = "no such \"file\"\n";
  put_and_take(world)->fail(given);
  CHECK(whereabouts(world) == "failed ");
  Queue queue = handle(world.queue);
  const auto why = queue.details(queue.list(State::failed).at(0)).reason;
  REQUIRE(why);
  CHECK(why->text == given.text);
  CHECK(why->exit_code == given.exit_code);
  CHECK_FALSE(why->signal);
  CHECK(why->error_output == given.error_output);
}

TEST_CASE("a detached claim outlives its claim and its consumer", "[consumer][claim][detached]") {
  World world;
  std::optional<Consumer> consumer{consumer_of(world)};
  put(world.queue, "hello");
  auto claim = consumer->try_take();
  const std::string receipt = claim->detach(seconds{60});
  CHECK_FALSE(claim->held());
  claim.reset();
  consumer.reset();
  CHECK(whereabouts(world) == "cur ");
  CHECK(world.disk.read_file(receipt) == "hello");
  Queue queue = handle(world.queue);
  SECTION("until it is acknowledged") {
    queue.detached_claim(receipt).ack();
    CHECK(whereabouts(world).empty());
  }
  SECTION("until its lease ends") {
    Consumer other = consumer_of(world);
    CHECK_FALSE(other.try_take());
    world.disk.advance(seconds{61});
    auto again = other.try_take();
    REQUIRE(again);
    CHECK(again->info().attempts == 2);
    CHECK(error_of([&] { return queue.detached_claim(receipt); }) == errc::claim_lost);
  }
}

TEST_CASE("headers and what the name tells arrive with the claim", "[consumer][claim]") {
  World world;
  PutOptions options;
  options.priority = 2;
  options.key = "user/7";
  options.type = "text/plain";
  options.name = "katze \xf0\x9f\x90\x88.jpg";
  options.time_to_live = hours{1};
  options.headers = {
      {"traceparent", "00-0af7"}, {"empty", ""}, {"bytes", std::string{"\0\n\xff", 3}}};
  put(world.queue, "hello", options);
  auto claim = consumer_of(world).try_take();
  REQUIRE(claim);
  CHECK(claim->headers() == options.headers);
  const MessageInfo& info = claim->info();
  CHECK(info.state == State::claimed);
  CHECK(info.priority == 2);
  CHECK(info.key == options.key);
  CHECK(info.type == options.type);
  CHECK(info.name == options.name);
  CHECK(info.size == 5U);
  CHECK(info.expires);
  CHECK(world.disk.exists("/q/consumers/" + info.consumer));
}

TEST_CASE("a name that was cut in the file name arrives whole", "[consumer][claim][names]") {
  World world;
  PutOptions options;
  options.name = std::string(300, 'n') + ".pdf";
  put(world.queue, "hello", options);
  Consumer consumer = consumer_of(world);
  auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->info().name == options.name);
  claim->release();
  auto again = consumer.try_take();
  REQUIRE(again);
  CHECK(again->info().name == options.name);
}

TEST_CASE("an expired message goes to failed/ and to nobody", "[consumer][claim][expired]") {
  World world;
  PutOptions options;
  options.time_to_live = seconds{10};
  put(world.queue, "old", options);
  Consumer consumer = consumer_of(world);
  std::optional<Claim> claim;
  SECTION("while it was waiting") {
    put(world.queue, "young");
    world.disk.advance(seconds{11});
    claim = consumer.try_take();
    REQUIRE(claim);
    CHECK(claim->payload() == "young");
    claim->ack();
  }
  SECTION("while it was claimed") {
    claim = consumer.try_take();
    world.disk.advance(seconds{11});
    claim->release();
  }
  CHECK_FALSE(consumer.try_take());
  CHECK(whereabouts(world) == "failed ");
  Queue queue = handle(world.queue);
  CHECK(queue.details(queue.list(State::failed).at(0)).reason->text ==
        "expired: its time to live is over");
}

TEST_CASE("an expired message that is being handled can be acknowledged",
          "[consumer][claim][expired]") {
  World world;
  PutOptions options;
  options.time_to_live = seconds{10};
  put(world.queue, "old", options);
  auto claim = consumer_of(world).try_take();
  world.disk.advance(seconds{11});
  claim->ack();
  CHECK(whereabouts(world).empty());
}

TEST_CASE("a claim can be moved", "[consumer][claim]") {
  World world;
  auto claim = put_and_take(world);
  Claim moved = std::move(*claim);
  CHECK_FALSE(claim->held());
  CHECK(moved.held());
  claim.reset();
  CHECK(whereabouts(world) == "cur ");
  SECTION("what is assigned over is released") {
    put(world.queue, "other");
    auto other = consumer_of(world).try_take();
    moved = std::move(*other);
    CHECK(whereabouts(world) == "new cur ");
    CHECK(moved.payload() == "other");
  }
  moved.ack();
}

TEST_CASE("a claim that is undone was no attempt", "[consumer][claim]") {
  World world{{{"max_attempts", "1"}}};
  put(world.queue, "x");
  Consumer consumer = consumer_of(world);
  for (int i = 0; i < 3; ++i) {
    auto claim = consumer.try_take();
    REQUIRE(claim);
    CHECK(claim->info().attempts == 1);
    claim->undo();
    CHECK(whereabouts(world) == "new ");
  }
}

TEST_CASE("a claim that cannot be given back at its end is given back later", "[consumer][claim]") {
  World world;
  class Refusing final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;
    bool refuses = false;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (refuses && info.call == Call::renameat2) return SysResult::failure(EIO);
      return std::nullopt;
    }
  } sys{world.disk};
  put(world.queue, "x");
  Consumer consumer = consumer_of(world, sys);
  {
    auto claim = consumer.try_take();
    REQUIRE(claim);
    sys.refuses = true;
  }
  CHECK(whereabouts(world) == "cur ");
  // Not by others: its consumer lives.
  CHECK_FALSE(consumer_of(world).try_take());
  sys.refuses = false;
  const auto claim = consumer.take(seconds{20});
  REQUIRE(claim);
  CHECK(claim->info().attempts == 2);
}

}  // namespace spoolq::test
