// The candidates that scans and events give, and when only a scan can give more.
#include "consumer/take/candidate_source.hpp"

#include <filesystem>

#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using Clock = detail::CandidateSource::Clock;

struct Fixture {
  RealQueue queue;
  Queue open = queue.open();
  detail::ConsumerIdentity identity{detail::QueueAccess::open(open)};
  detail::CandidateSource source{identity};

  /// Takes all candidates out.
  std::size_t drain() {
    std::size_t count = 0;
    while (source.next()) ++count;
    return count;
  }
};

}  // namespace

TEST_CASE("events give no candidate before the first scan", "[consumer][candidates]") {
  Fixture fixture;
  auto& source = fixture.source;
  fixture.queue.put("first");
  detail::Events events;
  events.ready.push_back({fixture.queue.names(Folder::ready).front(), true});
  source.note(events);
  CHECK_FALSE(source.empty());
  CHECK_FALSE(source.next());
  CHECK_FALSE(source.complete());
  source.scan();
  CHECK(source.complete());
  CHECK(fixture.drain() == 1);
  source.note(events);
  CHECK(source.complete());
  CHECK(fixture.drain() == 1);
  source.forget();
  CHECK_FALSE(source.complete());
}

TEST_CASE("an overflow of the inotify queue requires a scan", "[consumer][candidates]") {
  Fixture fixture;
  fixture.source.scan();
  REQUIRE(fixture.source.complete());
  detail::Events events;
  events.overflow = true;
  fixture.source.note(events);
  CHECK_FALSE(fixture.source.complete());
}

TEST_CASE("that a file came by rename is known until another file has its name",
          "[consumer][candidates]") {
  Fixture fixture;
  auto& source = fixture.source;
  const std::string file = fixture.queue.path(Folder::ready, "report.txt");
  write_file(file, "x");
  detail::Events events;
  events.ready.push_back({"report.txt", true});
  const auto unsettled = [&] {
    source.scan();
    const auto candidate = source.next();
    REQUIRE(candidate);
    return candidate->unsettled;
  };
  CHECK(unsettled());
  source.note(events);
  CHECK_FALSE(unsettled());
  source.note(events);
  SECTION("another file") {
    write_file(fixture.queue.around() / "another", "longer");
    std::filesystem::rename(fixture.queue.around() / "another", file);
    CHECK(unsettled());
  }
  SECTION("events were lost") {
    events.overflow = true;
    source.note(events);
    CHECK(unsettled());
  }
}

TEST_CASE("a file that has to settle is a candidate again after its time",
          "[consumer][candidates]") {
  Fixture fixture;
  auto& source = fixture.source;
  write_file(fixture.queue.path(Folder::ready, "report.txt"), "x");
  source.scan();
  REQUIRE(source.next());
  const auto now = Clock::now();
  CHECK_FALSE(source.settling(now));
  CHECK(source.until_retry(now) == Duration::max());
  source.defer_to_settle("report.txt");
  CHECK(source.settling(now));
  CHECK(source.until_retry(now) < std::chrono::hours{1});
  source.scan();
  CHECK(fixture.drain() == 0);
  source.retry_deferred(now);
  CHECK(source.complete());
  source.retry_deferred(now + std::chrono::hours{1});
  CHECK_FALSE(source.complete());
  source.scan();
  CHECK(fixture.drain() == 1);
}

TEST_CASE("after many lost races a scan comes before the next candidate",
          "[consumer][candidates]") {
  constexpr int kMessages = 40;
  Fixture fixture;
  auto& source = fixture.source;
  for (int i = 0; i < kMessages; ++i) fixture.queue.put("x");
  source.scan();
  SECTION("lost to other consumers") {
    int tried = 0;
    for (; const auto candidate = source.next(); ++tried) source.lost(candidate->file);
    CHECK(tried < kMessages);
    CHECK_FALSE(source.complete());
  }
  SECTION("not to this consumer itself") {
    int tried = 0;
    for (; const auto candidate = source.next(); ++tried) {
      source.claimed(candidate->file);
      source.lost(candidate->file);
    }
    CHECK(tried == kMessages);
    CHECK(source.complete());
  }
}

}  // namespace spoolq::test
