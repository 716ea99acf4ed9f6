// Claimer: which candidates become claims, and what happens to the others.
#include "consumer/take/claimer.hpp"

#include <fcntl.h>

#include <utility>

#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using Clock = detail::CandidateSource::Clock;
using Files = std::vector<std::string>;

/// Fails the next call of one kind, for one file if it is given.
class FailingOnce final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;

  void fail(Call call, int error, std::string file = {}) {
    call_ = call;
    error_ = error;
    file_ = std::move(file);
  }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (error_ == 0 || info.call != call_) return std::nullopt;
    if (!file_.empty() && std::string_view{info.name} != file_) return std::nullopt;
    return SysResult::failure(std::exchange(error_, 0));
  }

 private:
  Call call_ = Call::openat;
  int error_ = 0;
  std::string file_;
};

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

/// A consumer's claimer over a disk in memory.
struct Fixture {
  explicit Fixture(const std::vector<SettingChange>& settings = {}) : world{settings} {}

  World world;
  FailingOnce sys{world.disk};
  std::shared_ptr<OpenQueue> queue = world.open(sys);
  std::shared_ptr<detail::ConsumerIdentity> identity =
      std::make_shared<detail::ConsumerIdentity>(queue);
  detail::CandidateSource source{*identity};
  detail::Claimer claimer{identity, source};

  std::optional<Claim> claim() { return claimer.claim_next(); }
  /// Scans new/ and claims.
  std::optional<Claim> scan_and_claim() {
    source.scan();
    return claim();
  }
  void plant(const std::string& file, std::string_view bytes = "some bytes") {
    world.disk.plant_file(world.path(Folder::ready, file), bytes);
  }
};

}  // namespace

TEST_CASE("candidates are claimed in their order until there are none", "[consumer][claimer]") {
  Fixture fixture;
  for (const char* payload : {"one", "two"}) put(fixture.world.queue, payload);
  CHECK_FALSE(fixture.claim());
  auto one = fixture.scan_and_claim();
  auto two = fixture.claim();
  REQUIRE(one);
  REQUIRE(two);
  CHECK(one->payload() == "one");
  CHECK(two->payload() == "two");
  CHECK(one->info().attempts == 1);
  CHECK_FALSE(fixture.claim());
  CHECK(fixture.world.count(Folder::claimed) == 2);
}

TEST_CASE("the next candidate is claimed when another consumer has the first",
          "[consumer][claimer]") {
  Fixture fixture;
  for (const char* payload : {"one", "two"}) put(fixture.world.queue, payload);
  fixture.source.scan();
  const auto first = messages(*fixture.world.queue, State::ready).front();
  REQUIRE(detail::claim(*fixture.world.queue, first, kDeadClaim));
  auto claim = fixture.claim();
  REQUIRE(claim);
  CHECK(claim->payload() == "two");
}

TEST_CASE("a foreign file is claimed after it has settled", "[consumer][claimer]") {
  Fixture fixture;
  fixture.plant("report.txt");
  CHECK_FALSE(fixture.scan_and_claim());
  CHECK(fixture.source.settling(Clock::now()));
  CHECK(fixture.world.names(Folder::ready) == Files{"report.txt"});
  fixture.world.disk.advance(seconds{1});
  fixture.source.retry_deferred(Clock::now() + hours{1});
  fixture.world.disk.clear_calls();
  auto claim = fixture.scan_and_claim();
  REQUIRE(claim);
  CHECK(claim->info().name == "report.txt");
  // Its writer may not have synced it.
  bool is_synced = false;
  for (const CallRecord& each : fixture.world.disk.calls()) {
    is_synced = is_synced || (each.call == Call::fsync && each.path.starts_with("/q/cur/"));
  }
  CHECK(is_synced);
}

TEST_CASE("an expired candidate moves to failed/", "[consumer][claimer]") {
  Fixture fixture;
  PutOptions options;
  options.time_to_live = seconds{10};
  put(fixture.world.queue, "old", options);
  fixture.world.disk.advance(seconds{11});
  CHECK_FALSE(fixture.scan_and_claim());
  CHECK(fixture.world.count(Folder::failed) == 1);
}

TEST_CASE("a candidate that is no regular file any more moves to bad/, unopened",
          "[consumer][claimer]") {
  Fixture fixture;
  put(fixture.world.queue, "x");
  fixture.source.scan();
  const std::string file = fixture.world.names(Folder::ready).front();
  fixture.world.disk.unlink(fixture.world.path(Folder::ready, file));
  fixture.world.disk.plant_fifo(fixture.world.path(Folder::ready, file));
  CHECK_FALSE(fixture.claim());
  CHECK(fixture.world.count(Folder::bad) == 1);
  CHECK(fixture.world.count(Folder::ready) + fixture.world.count(Folder::claimed) == 0);
}

TEST_CASE("a candidate shorter than its name says may still grow, then it moves to bad/",
          "[consumer][claimer]") {
  const std::string file = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=10";
  Fixture fixture;
  fixture.plant(file, "half");
  CHECK_FALSE(fixture.scan_and_claim());
  CHECK(fixture.world.names(Folder::ready) == Files{file});
  CHECK(fixture.source.settling(Clock::now()));
  fixture.world.disk.advance(seconds{6});
  fixture.source.retry_deferred(Clock::now() + hours{1});
  CHECK_FALSE(fixture.scan_and_claim());
  CHECK(fixture.world.count(Folder::bad) == 1);
  CHECK(fixture.world.log.has("it has 4 bytes, its name says 10"));
}

TEST_CASE("a candidate that this user may not rename is deferred, and the next one is claimed",
          "[consumer][claimer]") {
  Fixture fixture;
  for (const char* payload : {"one", "two"}) put(fixture.world.queue, payload);
  fixture.sys.fail(Call::renameat2, EPERM, fixture.world.names(Folder::ready).front());
  auto claim = fixture.scan_and_claim();
  REQUIRE(claim);
  CHECK(claim->payload() == "two");
  CHECK(fixture.source.until_retry(Clock::now()) <= seconds{5});
  CHECK(fixture.world.log.size() == 1);
}

TEST_CASE("an error that concerns all candidates is thrown and requires a scan",
          "[consumer][claimer]") {
  Fixture fixture;
  put(fixture.world.queue, "x");
  fixture.source.scan();
  REQUIRE(fixture.source.complete());
  fixture.sys.fail(Call::renameat2, EIO);
  CHECK(error_of([&] { return fixture.claim(); }) == errno_code(EIO));
  CHECK_FALSE(fixture.source.complete());
  CHECK(fixture.scan_and_claim());
}

TEST_CASE("an error after the rename gives the message back, uncounted", "[consumer][claimer]") {
  Fixture fixture;
  put(fixture.world.queue, "x");
  fixture.source.scan();
  const Files before = fixture.world.names(Folder::ready);
  fixture.sys.fail(Call::openat, EIO);
  CHECK(error_of([&] { return fixture.claim(); }) == errno_code(EIO));
  CHECK(fixture.world.names(Folder::ready) == before);
  CHECK(fixture.world.count(Folder::claimed) == 0);
}

TEST_CASE("with crash_count=durable a claim is on disk before it is handed out",
          "[consumer][claimer]") {
  const bool is_durable = GENERATE(false, true);
  Fixture fixture{{{"crash_count", is_durable ? "durable" : "relaxed"}}};
  put(fixture.world.queue, "x");
  fixture.world.disk.clear_calls();
  const auto claim = fixture.scan_and_claim();
  REQUIRE(claim);
  Files synced;
  for (const CallRecord& each : fixture.world.disk.calls()) {
    if (each.call == Call::fsync) synced.push_back(each.path);
  }
  CHECK(synced == (is_durable ? Files{"/q/cur", "/q/new"} : Files{}));
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

}  // namespace spoolq::test
