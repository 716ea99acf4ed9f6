// The transitions after the put: where a message goes, under which name, and who is too late.
#include "queue/lifecycle/transitions.hpp"

#include <fmt/core.h>

#include "queue/format/attributes.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr const char* kDetached = "detached.0123456789abcdef";

PutOptions living_for(Duration time_to_live) {
  PutOptions options;
  options.time_to_live = time_to_live;
  return options;
}

std::string reason_text(World& world, const StoredMessage& message) {
  const auto fd = world.queue->store().open(message.at);
  return detail::get_reason(world.disk, fd.get()).value_or(Reason{}).text;
}

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

/// Renames into one folder fail with ENOSPC, as in a directory without room.
class FullFolder final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  int folder = -1;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::renameat2 || info.to_dir != folder) return std::nullopt;
    return SysResult::failure(ENOSPC);
  }
};

}  // namespace

TEST_CASE("a claim counts an attempt and says whose it is", "[queue][transitions][claim]") {
  World world;
  put(world.queue, "x");
  const StoredMessage ready = only(*world.queue, State::ready);
  const StoredMessage claimed = claim_only(*world.queue, "fedcba9876543210.2a");
  CHECK(claimed.name.attempts == 1);
  CHECK(claimed.name.claim == "fedcba9876543210.2a");
  CHECK(claimed.at.file() == format_name(claimed.name));
  CHECK(world.names(Folder::claimed) == std::vector{claimed.at.file()});
  // The next one is too late.
  CHECK_FALSE(detail::claim(*world.queue, ready, kDeadClaim));
}

TEST_CASE("a claim ends once", "[queue][transitions]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  detail::release(*world.queue, claimed, std::nullopt);
  OpenQueue& queue = *world.queue;
  CHECK(error_in([&] { acknowledge(queue, claimed, Sync::durable); }) == errc::claim_lost);
  CHECK(error_in([&] { acknowledge(queue, claimed, Sync::none); }) == errc::claim_lost);
  CHECK(error_in([&] { detail::release(queue, claimed, std::nullopt); }) == errc::claim_lost);
  CHECK(error_in([&] { detail::fail(queue, claimed, {}); }) == errc::claim_lost);
  CHECK(error_in([&] { detail::change_claim(queue, claimed, kDetached, queue.now()); }) ==
        errc::claim_lost);
  CHECK_FALSE(detail::take_back(queue, claimed, "late"));
  CHECK_FALSE(detail::remove(queue, claimed));
  CHECK_NOTHROW(detail::unclaim(queue, claimed, {Folder::ready, "report.txt"}));
  CHECK(world.count(Folder::ready) == 1);
  queue.configure({{"keep_done", "on"}});
  CHECK(error_in([&] { acknowledge(queue, claimed, Sync::durable); }) == errc::claim_lost);
}

TEST_CASE("a released message keeps its attempts and its id", "[queue][transitions][release]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  detail::release(*world.queue, claimed, world.queue->now());
  StoredMessage ready = only(*world.queue, State::ready);
  CHECK(ready.name.id == claimed.name.id);
  CHECK(ready.name.attempts == 1);
  CHECK(ready.name.claim.empty());
  const Time due = world.queue->now() + minutes{5};
  detail::release(*world.queue, claim_only(*world.queue), due);
  const StoredMessage later = only(*world.queue, State::delayed);
  CHECK(detail::parse_delayed_name(later.at.file())->due == due);
  CHECK(later.name.attempts == 2);
}

TEST_CASE("at the maximum of attempts a release is a failure", "[queue][transitions][release]") {
  World world{{{"max_attempts", "2"}}};
  detail::release(*world.queue, put_and_claim(*world.queue, "x"), std::nullopt);
  CHECK(world.count(Folder::ready) == 1);
  detail::release(*world.queue, claim_only(*world.queue), world.queue->now() + hours{1});
  CHECK(world.count(Folder::later) == 0);
  CHECK(reason_text(world, only(*world.queue, State::failed)) == "given up after 2 of 2 attempts");
}

TEST_CASE("a message whose time to live is over is not given back",
          "[queue][transitions][release]") {
  World world;
  const auto claimed = put_and_claim(*world.queue, "x", kDeadClaim, living_for(minutes{1}));
  world.disk.advance(minutes{2});
  detail::release(*world.queue, claimed, std::nullopt);
  CHECK(reason_text(world, only(*world.queue, State::failed)).find("expired") == 0);
}

TEST_CASE("a retried message begins again", "[queue][transitions][retry]") {
  World world;
  PutOptions options = living_for(minutes{1});
  options.key = "user/7";
  const auto claimed = put_and_claim(*world.queue, "x", kDeadClaim, options);
  detail::fail(*world.queue, claimed, reason("no"));
  const StoredMessage failed = only(*world.queue, State::failed);
  CHECK(failed.name.expires);
  CHECK(detail::retry(*world.queue, failed));
  StoredMessage ready = only(*world.queue, State::ready);
  CHECK(ready.name.attempts == 0);
  CHECK(ready.name.expires == claimed.name.expires);
  CHECK(ready.name.key == "user/7");
  CHECK(reason_text(world, ready).empty());
  CHECK_FALSE(detail::retry(*world.queue, failed));
  // Whoever retries an expired message wants it delivered all the same.
  world.disk.advance(minutes{2});
  CHECK(detail::expire(*world.queue, ready));
  CHECK(detail::retry(*world.queue, only(*world.queue, State::failed)));
  CHECK_FALSE(only(*world.queue, State::ready).name.expires);
}

TEST_CASE("a finished message is kept where the queue keeps them", "[queue][transitions][ack]") {
  World world;
  acknowledge(*world.queue, put_and_claim(*world.queue, "one"), Sync::durable);
  CHECK(world.count(Folder::done) == 0);
  world.queue->configure({{"keep_done", "on"}});
  acknowledge(*world.queue, put_and_claim(*world.queue, "two"), Sync::none);
  const StoredMessage done = only(*world.queue, State::done);
  CHECK(done.name.claim.empty());
  CHECK(done.name.attempts == 1);
  CHECK(world.disk.read_file(world.path(Folder::done, done.at.file())) == "two");
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("where done/ has no room the message ends all the same", "[queue][transitions][ack]") {
  World world{{{"keep_done", "on"}}};
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  FullFolder sys{world.disk};
  const auto queue = world.open(sys);
  sys.folder = queue->fd(Folder::done);
  acknowledge(*queue, claimed, Sync::durable);
  CHECK(world.count(Folder::claimed) == 0);
  CHECK(world.count(Folder::done) == 0);
}

TEST_CASE("a claim that is taken back for an unfinished file does not count",
          "[queue][transitions][unclaim]") {
  World world;
  world.disk.plant_file(world.path(Folder::ready, "report.txt"), "half");
  const StoredMessage claimed = claim_only(*world.queue);
  SECTION("its name is free") {
    detail::unclaim(*world.queue, claimed, {Folder::ready, "report.txt"});
    CHECK(world.names(Folder::ready) == std::vector<std::string>{"report.txt"});
  }
  SECTION("its name was taken meanwhile") {
    world.disk.plant_file(world.path(Folder::ready, "report.txt"), "another");
    detail::unclaim(*world.queue, claimed, {Folder::ready, "report.txt"});
    CHECK(world.disk.read_file(world.path(Folder::ready, "report.txt")) == "another");
    const auto ready = messages(*world.queue, State::ready);
    REQUIRE(ready.size() == 2);
    CHECK(ready[0].name.attempts == 0);
    CHECK(ready[0].name.original == "report.txt");
    CHECK(ready[0].name.claim.empty());
  }
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("a claim made detached is the same claim with an end", "[queue][transitions][held]") {
  World world;
  const StoredMessage held = hold(world);
  CHECK(held.name.attempts == 1);
  CHECK(held.name.claim == kDetached);
  CHECK(world.names(Folder::claimed) == std::vector{held.at.file()});
}

TEST_CASE("what was done without sync is durable after sync(), and not before",
          "[queue][transitions]") {
  World world{{}, GENERATE(CrashModel::journal, CrashModel::per_directory)};
  detail::init_queue(world.disk, "/r", {{"min_free", "0"}});
  Queue queue = handle(world.queue);
  Queue target = handle(open_queue(world.disk, "/r"));
  detail::fail(*world.queue, put_and_claim(*world.queue, "retried"), reason("no"));
  put(world.queue, "removed");
  PutOptions later;
  later.delay = std::chrono::hours{1};
  put(world.queue, "moved", later);
  world.disk.commit();
  PutOptions unsynced;
  unsynced.sync = Sync::none;

  queue.remove(queue.list(State::ready).at(0), Sync::none);
  queue.retry(queue.list(State::failed).at(0), Sync::none);
  queue.move(queue.list(State::delayed).at(0), target, Sync::none);
  put(world.queue, "put", unsynced);
  const auto counts_after_cut = [&] {
    const auto after = world.disk.crash(world.disk.keep_nothing());
    const auto stats = handle(open_queue(*after, World::kPath)).stats();
    const auto moved = handle(open_queue(*after, "/r")).stats();
    return std::array{stats.ready, stats.failed, stats.delayed, moved.delayed};
  };
  CHECK(counts_after_cut() == std::array<std::uint64_t, 4>{1, 1, 1, 0});
  target.sync();
  queue.sync();
  CHECK(counts_after_cut() == std::array<std::uint64_t, 4>{2, 0, 0, 1});
  const auto after = world.disk.crash(world.disk.keep_nothing());
  const Queue survivor = handle(open_queue(*after, World::kPath));
  std::string payloads;
  for (const MessageInfo& message : survivor.list(State::ready)) {
    survivor.read_payload(message, [&](std::string_view bytes) { payloads += bytes; });
  }
  CHECK(payloads == "retriedput");
}

}  // namespace spoolq::test
