// A failed run: the wait, the reason, and the end of all attempts.
#include <fmt/core.h>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/transitions.hpp"
#include "queue/maintenance/due.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/consumer_locks.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr unsigned kAttemptsMax = 3;

Reason job_reason() {
  Reason reason;
  reason.text = "exit code 3";
  reason.exit_code = 3;
  reason.error_output = "no such user";
  return reason;
}

std::optional<Reason> reason_of(World& world, const StoredMessage& message) {
  const auto fd = world.queue->store().open(message.at);
  return detail::get_reason(world.disk, fd.get());
}

State retry_in(World& world, const StoredMessage& message, Duration wait) {
  return detail::retry_later(*world.queue, message, job_reason(), world.queue->now() + wait,
                             kAttemptsMax);
}

}  // namespace

TEST_CASE("a failed run waits in later/ with its reason, and comes again counted",
          "[queue][retry_later]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  CHECK(retry_in(world, claimed, hours{1}) == State::delayed);
  const StoredMessage waiting = only(*world.queue, State::delayed);
  CHECK(waiting.name.id == claimed.name.id);
  CHECK(waiting.name.attempts == 1);
  CHECK(waiting.name.claim.empty());
  const auto reason = reason_of(world, waiting);
  REQUIRE(reason);
  CHECK(reason->text == "exit code 3");
  CHECK(reason->exit_code == 3);
  CHECK(reason->error_output == "no such user");
  CHECK(reason->host == detail::host_name());
  CHECK(reason->consumer == "0123456789abcdef");
  CHECK(detail::move_due(*world.queue).moved == 0);
  world.disk.advance(hours{1} + seconds{1});
  CHECK(detail::move_due(*world.queue).moved == 1);
  CHECK(claim_only(*world.queue).name.attempts == 2);
}

TEST_CASE("without a wait a failed run is ready at once", "[queue][retry_later]") {
  World world;
  CHECK(retry_in(world, put_and_claim(*world.queue, "x"), Duration{0}) == State::ready);
  CHECK(only(*world.queue, State::ready).name.attempts == 1);
}

TEST_CASE("the last run that fails ends in failed/, with its own reason and the count",
          "[queue][retry_later]") {
  World world;
  StoredMessage message = put_and_claim(*world.queue, "x");
  for (unsigned run = 1; run < kAttemptsMax; ++run) {
    REQUIRE(retry_in(world, message, Duration{0}) == State::ready);
    message = claim_only(*world.queue);
  }
  CHECK(retry_in(world, message, hours{1}) == State::failed);
  const auto reason = reason_of(world, only(*world.queue, State::failed));
  REQUIRE(reason);
  CHECK(reason->text == "exit code 3; given up after 3 of 3 attempts");
  CHECK(reason->exit_code == 3);
}

TEST_CASE("a failed run of a message whose time is over ends in failed/", "[queue][retry_later]") {
  World world;
  PutOptions options;
  options.time_to_live = hours{1};
  const StoredMessage claimed = put_and_claim(*world.queue, "x", kDeadClaim, options);
  world.disk.advance(hours{2});
  CHECK(retry_in(world, claimed, hours{1}) == State::failed);
  const auto reason = reason_of(world, only(*world.queue, State::failed));
  REQUIRE(reason);
  CHECK(reason->text.find("exit code 3; expired") == 0);
}

TEST_CASE("a failed run whose message expires before it is due says so, and why it failed",
          "[queue][retry_later]") {
  World world;
  PutOptions options;
  options.time_to_live = hours{1};
  const StoredMessage claimed = put_and_claim(*world.queue, "x", kDeadClaim, options);
  REQUIRE(retry_in(world, claimed, hours{2}) == State::delayed);
  world.disk.advance(hours{2} + seconds{1});
  CHECK(detail::move_due(*world.queue).moved == 1);
  const auto reason = reason_of(world, only(*world.queue, State::failed));
  REQUIRE(reason);
  CHECK(reason->text == "exit code 3; expired: its time to live is over");
  CHECK(reason->exit_code == 3);
  CHECK(reason->error_output == "no such user");
}

TEST_CASE("a claim that was taken back cannot be retried by who had it", "[queue][retry_later]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  REQUIRE(detail::reap(*world.queue).returned == 1);
  CHECK(error_of([&] { return retry_in(world, claimed, hours{1}); }) == errc::claim_lost);
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("a message that succeeds in the end keeps no reason in done/", "[queue][retry_later]") {
  World world{{{"keep_done", "on"}}};
  REQUIRE(retry_in(world, put_and_claim(*world.queue, "x"), Duration{0}) == State::ready);
  detail::acknowledge(*world.queue, claim_only(*world.queue), Sync::durable);
  CHECK_FALSE(reason_of(world, only(*world.queue, State::done)));
}

TEST_CASE("what becomes of a finished message can be said against the setting", "[queue][ack]") {
  const bool kept = GENERATE(true, false);
  World world{{{"keep_done", kept ? "off" : "on"}}};
  detail::acknowledge(*world.queue, put_and_claim(*world.queue, "x"), Sync::durable, kept);
  CHECK(world.count(Folder::done) == (kept ? 1 : 0));
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("who gave a message up may be said by who knows better", "[queue][retry_later]") {
  World world;
  Reason given = job_reason();
  given.host = "elsewhere";
  given.consumer = "a person";
  detail::fail(*world.queue, put_and_claim(*world.queue, "x"), given);
  const auto reason = reason_of(world, only(*world.queue, State::failed));
  REQUIRE(reason);
  CHECK(reason->host == "elsewhere");
  CHECK(reason->consumer == "a person");
}

TEST_CASE("a held claim that fails is signed with the claim", "[queue][retry_later]") {
  World world;
  const std::string held = "detached.0123456789abcdef";
  detail::fail(*world.queue, put_and_claim(*world.queue, "x", held), job_reason());
  const auto reason = reason_of(world, only(*world.queue, State::failed));
  REQUIRE(reason);
  CHECK(reason->consumer == held);
}

}  // namespace spoolq::test
