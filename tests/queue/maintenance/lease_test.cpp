// The setting lease: claims of the living end when somebody has seen them unchanged for that long.
#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>

#include "queue/maintenance/reap.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using detail::Observations;
using std::chrono::hours;
using std::chrono::seconds;

/// A queue with a lease, and a living consumer with a claim.
struct Leased {
  World world{{{"lease", "10s"}, {"max_attempts", "2"}}};
  detail::Registration owner{*world.queue};
  StoredMessage claimed = put_and_claim(*world.queue, "x", owner.consumer() + ".1");
  Observations seen;

  detail::TakenBack reap() { return detail::reap(*world.queue, {}, &seen); }
  /// Lets so much time go by, and looks each second. What was taken back by all looks, and what the
  /// last one tells of the next.
  detail::TakenBack watch(seconds span) {
    detail::TakenBack result;
    for (seconds gone{0}; gone < span; gone += seconds{1}) {
      world.disk.advance(seconds{1});
      const detail::TakenBack look = reap();
      result.returned += look.returned;
      result.failed += look.failed;
      result.next_observed_end = look.next_observed_end;
    }
    return result;
  }
};

}  // namespace

TEST_CASE("a claim that stays as it is for a lease is taken back", "[queue][lease]") {
  Leased leased;
  leased.reap();
  detail::TakenBack result = leased.watch(seconds{9});
  CHECK(result.returned == 0);
  REQUIRE(result.next_observed_end);
  CHECK(*result.next_observed_end <= seconds{1});
  result = leased.watch(seconds{1});
  CHECK(result.returned == 1);
  CHECK_FALSE(result.next_observed_end);
  CHECK(only(*leased.world.queue, State::ready).name.attempts == 1);
  CHECK(leased.world.log.has("lease of 10s"));
}

TEST_CASE("whoever looks when it is told to takes a claim back when its lease is over",
          "[queue][lease]") {
  Leased leased;
  auto next = leased.reap().next_observed_end;
  Duration gone{0};
  for (int looks = 0; looks < 10 && next; ++looks) {
    leased.world.disk.advance(*next);
    gone += *next;
    next = leased.reap().next_observed_end;
  }
  CHECK(gone == seconds{10});
  CHECK(leased.world.count(Folder::ready) == 1);
}

TEST_CASE("no lease ends because the machine has slept", "[queue][lease][clock]") {
  Leased leased;
  leased.reap();
  leased.world.disk.advance(hours{8});
  // The clock has gone on, and who has the claim is not awake for long enough to extend it.
  CHECK(leased.reap().returned == 0);
  CHECK(leased.watch(seconds{3}).returned == 0);
  detail::change_claim(*leased.world.queue, leased.claimed, leased.owner.consumer() + ".2", {});
  CHECK(leased.watch(seconds{10}).returned == 0);
  CHECK(leased.watch(seconds{1}).returned == 1);
}

TEST_CASE("who comes new takes nothing back, however old the claim is", "[queue][lease]") {
  Leased leased;
  leased.world.disk.advance(hours{5});
  CHECK(leased.reap().returned == 0);
  CHECK(detail::reap(*leased.world.queue).returned == 0);
}

TEST_CASE("a clock that is set ends no lease", "[queue][lease][clock]") {
  Leased leased;
  leased.reap();
  const bool forward = GENERATE(true, false);
  leased.world.disk.set_realtime(forward ? std::chrono::hours{24 * 365 * 70} : hours{1});
  CHECK(leased.reap().returned == 0);
  CHECK(leased.watch(seconds{10}).returned == 1);
}

TEST_CASE("a claim that is extended begins its lease anew", "[queue][lease]") {
  Leased leased;
  leased.reap();
  leased.watch(seconds{9});
  const StoredMessage extended =
      detail::change_claim(*leased.world.queue, leased.claimed, leased.owner.consumer() + ".2", {});
  CHECK(leased.reap().returned == 0);
  CHECK(leased.watch(seconds{9}).returned == 0);
  CHECK(leased.watch(seconds{1}).returned == 1);
  CHECK(error_of([&] {
          detail::acknowledge(*leased.world.queue, extended, Sync::durable);
          return 0;
        }) == errc::claim_lost);
  CHECK(leased.world.count(Folder::ready) == 1);
}

TEST_CASE("at the maximum of attempts the end of a lease is a failure, with its reason",
          "[queue][lease]") {
  Leased leased;
  leased.reap();
  REQUIRE(leased.watch(seconds{10}).returned == 1);
  claim_only(*leased.world.queue, leased.owner.consumer() + ".2");
  leased.reap();
  CHECK(leased.watch(seconds{10}).failed == 1);
  const auto details =
      handle(leased.world.queue).details(handle(leased.world.queue).list(State::failed).at(0));
  REQUIRE(details.reason);
  CHECK(details.reason->text ==
        "given up after 2 of 2 attempts; not finished or extended within the lease of 10s");
  CHECK(details.reason->consumer == leased.owner.consumer());
}

TEST_CASE("without the setting, and for held claims, no observation ends anything",
          "[queue][lease]") {
  World world{{{"lease", "3s"}}};
  const StoredMessage held =
      detail::change_claim(*world.queue, put_and_claim(*world.queue, "x"),
                           "detached.0123456789abcdef", world.queue->now() + hours{1});
  Observations seen;
  for (int looks = 0; looks < 10; ++looks) {
    CHECK(detail::reap(*world.queue, {}, &seen).returned == 0);
    world.disk.advance(seconds{1});
  }
  CHECK(world.count(Folder::claimed) == 1);

  World without;
  const detail::Registration owner{*without.queue};
  put_and_claim(*without.queue, "x", owner.consumer() + ".1");
  detail::reap(*without.queue, {}, &seen);
  without.disk.advance(hours{100});
  CHECK(detail::reap(*without.queue, {}, &seen).returned == 0);
}

TEST_CASE("what was not seen in between is a new observation", "[queue][lease]") {
  Observations seen;
  constexpr seconds kStepMax{3};
  CHECK(seen.seen_for("a", seconds{1}, kStepMax) == seconds{0});
  CHECK(seen.seen_for("b", seconds{1}, kStepMax) == seconds{0});
  seen.forget_unseen();
  CHECK(seen.seen_for("a", seconds{2}, kStepMax) == seconds{1});
  seen.forget_unseen();
  CHECK(seen.seen_for("a", seconds{4}, kStepMax) == seconds{3});
  CHECK(seen.seen_for("b", seconds{4}, kStepMax) == seconds{0});
  CHECK(seen.seen_for("a", seconds{9}, kStepMax) == seconds{6});
}

TEST_CASE("the next lease to end is told, of several the first", "[queue][lease]") {
  Leased leased;
  put_and_claim(*leased.world.queue, "y", leased.owner.consumer() + ".2");
  const StoredMessage last =
      put_and_claim(*leased.world.queue, "z", leased.owner.consumer() + ".3");
  leased.reap();
  leased.watch(seconds{8});
  // Those around the second one begin anew.
  detail::change_claim(*leased.world.queue, leased.claimed, leased.owner.consumer() + ".4", {});
  detail::change_claim(*leased.world.queue, last, leased.owner.consumer() + ".5", {});
  CHECK(leased.reap().next_observed_end == seconds{2});
}

TEST_CASE("a lease that is switched off for a while begins anew", "[queue][lease]") {
  Leased leased;
  leased.reap();
  leased.watch(seconds{9});
  leased.world.queue->configure({{"lease", "off"}});
  CHECK_FALSE(leased.reap().next_observed_end);
  leased.world.queue->configure({{"lease", "10s"}});
  CHECK(leased.watch(seconds{9}).returned == 0);
  leased.world.queue->configure({{"lease", "5s"}});
  CHECK(leased.watch(seconds{1}).returned == 1);
}

TEST_CASE("the dead are left unburied where that is asked for", "[queue][reap]") {
  World world;
  put_and_claim(*world.queue, "x");
  REQUIRE(world.disk
              .openat(world.queue->fd(Folder::consumers), "0123456789abcdef",
                      O_WRONLY | O_CREAT | O_EXCL, 0600)
              .ok());
  const std::size_t before = world.count(Folder::consumers);
  CHECK(detail::reap(*world.queue, {}, nullptr, detail::Bury::no).returned == 1);
  const auto left = world.names(Folder::consumers);
  CHECK(left.size() == before);
  CHECK(std::find(left.begin(), left.end(), "0123456789abcdef") != left.end());
}

}  // namespace spoolq::test
