// Detached claims: a receipt or an id finds them and ends them.
#include "queue/lifecycle/detached_claims.hpp"

#include "queue/lifecycle/transitions.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;

constexpr const char* kDetached = "detached.0123456789abcdef";

/// The error of something that returns nothing.
template <typename Act>
std::error_code error_in(Act act) {
  return error_of([&] {
    act();
    return 0;
  });
}

/// A claim made detached, as take --hold leaves it.
StoredMessage hold(World& world, Duration lease = hours{1}) {
  return detail::change_claim(*world.queue, put_and_claim(*world.queue, "x"), kDetached,
                              world.queue->now() + lease);
}

}  // namespace

TEST_CASE("a receipt finds its claim, also after the lease was prolonged",
          "[queue][transitions][held]") {
  World world;
  Queue queue = handle(world.queue);
  const std::string receipt = world.path(Folder::claimed, hold(world).at.file());
  DetachedClaim claim = queue.detached_claim(receipt);
  DetachedClaim extended = claim;
  extended.extend(hours{5});
  CHECK(extended.info().path != claim.info().path);
  CHECK(extended.info().id == claim.info().id);
  CHECK(queue.detached_claim(receipt).info().path == extended.info().path);
  CHECK(queue.detached_claim(claim.info().id.to_string()).info().path == extended.info().path);
  // Any copy of the receipt is good.
  claim.ack();
  CHECK(world.count(Folder::claimed) == 0);
  CHECK(error_of([&] { return queue.detached_claim(receipt); }) == errc::claim_lost);
  CHECK(error_in([&] { extended.ack(); }) == errc::claim_lost);
  CHECK(error_in([&] { extended.release(); }) == errc::claim_lost);
  CHECK(error_in([&] { extended.fail({}); }) == errc::claim_lost);
  CHECK(error_in([&] { extended.extend(hours{1}); }) == errc::claim_lost);
}

TEST_CASE("a receipt of an earlier claim does not end a later one", "[queue][transitions][held]") {
  World world;
  Queue queue = handle(world.queue);
  const std::string receipt = world.path(Folder::claimed, hold(world).at.file());
  DetachedClaim claim = queue.detached_claim(receipt);
  claim.release();
  const StoredMessage again = claim_only(*world.queue);
  detail::change_claim(*world.queue, again, "detached.fedcba9876543210",
                       world.queue->now() + hours{1});
  CHECK(error_in([&] { claim.ack(); }) == errc::claim_lost);
  CHECK(error_of([&] { return queue.detached_claim(receipt); }) == errc::claim_lost);
  CHECK(world.count(Folder::claimed) == 1);
}

TEST_CASE("the claim of a consumer is not to be finished by a receipt",
          "[queue][transitions][held]") {
  World world;
  const Queue queue = handle(world.queue);
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  const auto error = [&](const std::string& reference) {
    return error_of([&] { return queue.detached_claim(reference); });
  };
  CHECK(error(world.path(Folder::claimed, claimed.at.file())) == errc::claim_owned);
  CHECK(error(claimed.name.id.to_string()) == errc::claim_owned);
  CHECK(error("/q/cur/no-claim") == errc::no_such_message);
  CHECK(error("/q/new/" + format_name(MessageName{})) == errc::no_such_message);
  CHECK(error("ffffffff") == errc::no_such_message);
}

TEST_CASE("a held claim is released, delayed and failed as any other",
          "[queue][transitions][held]") {
  World world;
  Queue queue = handle(world.queue);
  const auto held = [&] {
    return queue.detached_claim(world.path(Folder::claimed, hold(world).at.file()));
  };
  held().release();
  CHECK(queue.stats().ready == 1);
  queue.remove(queue.list(State::ready).at(0));
  held().release(hours{1});
  CHECK(queue.stats().delayed == 1);
  held().fail(reason("no"));
  CHECK(queue.details(queue.list(State::failed).at(0)).reason->text == "no");
}

TEST_CASE("times that a name cannot hold are refused, and the claim stays",
          "[queue][transitions][held]") {
  World world;
  Queue queue = handle(world.queue);
  DetachedClaim claim = queue.detached_claim(world.path(Folder::claimed, hold(world).at.file()));
  for (const Duration span : {Duration::max(), Duration{10'000'000'000'000}}) {
    CHECK(error_in([&] { claim.release(span); }) == errc::bad_value);
    CHECK(error_in([&] { claim.extend(span); }) == errc::bad_value);
  }
  CHECK(queue.stats().claimed == 1);
  claim.release(Duration::min());
  CHECK(queue.stats().ready == 1);
}

}  // namespace spoolq::test
