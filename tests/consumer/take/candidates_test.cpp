// The window of names: bounded, in order, and fair to what is behind names that cannot be had.
#include "consumer/take/candidates.hpp"

#include <fmt/core.h>

#include <set>

#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using detail::Candidate;
using detail::Candidates;
using Clock = Candidates::Clock;
using std::chrono::seconds;

Candidate candidate(int number, int priority = 5) {
  const std::string file =
      fmt::format("{}.01935a7b-8c3d-7e21-9f4a-{:012x}", priority, static_cast<unsigned>(number));
  return {.file = file, .name = *detail::parse_name(file)};
}

std::vector<std::string> drain(Candidates& candidates) {
  std::vector<std::string> files;
  while (const auto next = candidates.next()) files.push_back(next->file);
  return files;
}

std::vector<std::string> files_of(const std::vector<int>& numbers, int priority = 5) {
  std::vector<std::string> files;
  for (const int number : numbers) files.push_back(candidate(number, priority).file);
  return files;
}

}  // namespace

TEST_CASE("an empty window has nothing", "[consumer][candidates]") {
  Candidates candidates{4};
  CHECK(candidates.empty());
  CHECK_FALSE(candidates.next());
  CHECK_FALSE(candidates.truncated());
  CHECK_FALSE(candidates.next_retry());
  candidates.lost_race();
  CHECK_FALSE(candidates.next());
}

TEST_CASE("names come out in order, whatever the order they came in", "[consumer][candidates]") {
  Candidates candidates{8};
  for (const int number : {5, 1, 4, 1, 3}) candidates.offer(candidate(number));
  CHECK(drain(candidates) == files_of({1, 3, 4, 5}));
  CHECK_FALSE(candidates.truncated());
}

TEST_CASE("a better priority comes out first", "[consumer][candidates]") {
  Candidates candidates{8};
  candidates.offer(candidate(1, 5));
  candidates.offer(candidate(2, 0));
  candidates.offer(candidate(0, 9));
  CHECK(candidates.next()->file == candidate(2, 0).file);
  candidates.offer(candidate(3, 4));
  CHECK(candidates.next()->file == candidate(3, 4).file);
  CHECK(candidates.next()->file == candidate(1, 5).file);
  CHECK(candidates.next()->file == candidate(0, 9).file);
}

TEST_CASE("of ten thousand names the best stay", "[consumer][candidates]") {
  constexpr int kNames = 10'000;
  constexpr int kCapacity = 100;
  Candidates candidates{kCapacity};
  // 7,919 is a prime: every number once, in disorder.
  for (int i = 0; i < kNames; ++i) candidates.offer(candidate(i * 7919 % kNames));
  CHECK(candidates.truncated());
  std::vector<int> best(kCapacity);
  for (int i = 0; i < kCapacity; ++i) best[static_cast<std::size_t>(i)] = i;
  CHECK(drain(candidates) == files_of(best));
  candidates.clear();
  CHECK_FALSE(candidates.truncated());
}

TEST_CASE("a name that is offered again to a full window costs no other its place",
          "[consumer][candidates]") {
  Candidates candidates{3};
  for (const int number : {1, 2, 3, 1, 2, 3}) candidates.offer(candidate(number));
  CHECK_FALSE(candidates.truncated());
  CHECK(drain(candidates) == files_of({1, 2, 3}));
}

TEST_CASE("a name behind those that had no room does not overtake them", "[consumer][candidates]") {
  Candidates candidates{3};
  for (const int number : {1, 2, 3, 4, 5}) candidates.offer(candidate(number));
  CHECK(candidates.next()->file == candidate(1).file);
  // There is room now, but 4 and 5 come before it.
  candidates.offer(candidate(6));
  CHECK(drain(candidates) == files_of({2, 3}));
  CHECK(candidates.truncated());
  SECTION("one before them is taken in") {
    candidates.offer(candidate(0));
    CHECK(drain(candidates) == files_of({0}));
  }
  SECTION("after the next scan it is in its place") {
    candidates.clear();
    for (const int number : {6, 5, 4}) candidates.offer(candidate(number));
    CHECK(drain(candidates) == files_of({4, 5, 6}));
  }
}

TEST_CASE("a stranger's name stands where its derived name does", "[consumer][candidates]") {
  Candidates candidates{4};
  Candidate stranger = candidate(2);
  stranger.file = "report.txt";
  stranger.stranger = true;
  candidates.offer(candidate(3));
  candidates.offer(stranger);
  candidates.offer(candidate(1));
  CHECK(drain(candidates) ==
        std::vector<std::string>{candidate(1).file, "report.txt", candidate(3).file});
}

TEST_CASE("five thousand names that were put off do not hide those behind them",
          "[consumer][candidates]") {
  constexpr int kBad = 5000;
  Candidates candidates{100};
  std::vector<std::string> good;
  int rounds = 0;
  do {
    candidates.clear();
    for (int i = 0; i < kBad + 20; ++i) candidates.offer(candidate(i));
    while (const auto next = candidates.next()) {
      if (next->file < candidate(kBad).file) {
        candidates.defer(next->file, Clock::now() + seconds{60});
      } else {
        good.push_back(next->file);
      }
    }
    ++rounds;
  } while (candidates.truncated());
  CHECK(good.size() == 20);
  CHECK(rounds <= kBad / 100 + 1);
}

TEST_CASE("a name that was put off is offered again when its time has come",
          "[consumer][candidates]") {
  Candidates candidates{4};
  const auto now = Clock::now();
  candidates.defer(candidate(1).file, now + seconds{2});
  candidates.defer(candidate(2).file, now + seconds{1});
  candidates.offer(candidate(1));
  candidates.offer(candidate(2));
  CHECK(candidates.empty());
  CHECK(candidates.next_retry() == now + seconds{1});
  CHECK_FALSE(candidates.retry_deferred(now));
  CHECK(candidates.retry_deferred(now + seconds{1}));
  CHECK(candidates.next_retry() == now + seconds{2});
  candidates.offer(candidate(1));
  candidates.offer(candidate(2));
  CHECK(drain(candidates) == files_of({2}));
  CHECK(candidates.retry_deferred(now + seconds{60}));
  CHECK_FALSE(candidates.next_retry());
  candidates.offer(candidate(1));
  CHECK(drain(candidates) == files_of({1}));
}

TEST_CASE("a lost race moves on within the priority, and comes round to all of it",
          "[consumer][candidates]") {
  constexpr int kNames = 50;
  std::set<std::string> firsts;
  for (int round = 0; round < 100; ++round) {
    Candidates candidates{200};
    for (int i = 0; i < kNames; ++i) candidates.offer(candidate(i, 1));
    for (int i = 0; i < kNames; ++i) candidates.offer(candidate(i, 5));
    REQUIRE(candidates.next());
    candidates.lost_race();
    const auto files = drain(candidates);
    REQUIRE(files.size() == 2 * kNames - 1);
    firsts.insert(files.front());
    for (std::size_t i = 0; i < files.size(); ++i) {
      // First all of priority 1, then all of 5.
      REQUIRE(files[i].front() == (i < kNames - 1 ? '1' : '5'));
    }
    CHECK(std::set<std::string>{files.begin(), files.end()}.size() == files.size());
  }
  CHECK(firsts.size() > 10);
}

TEST_CASE("after a lost race a better priority still comes first", "[consumer][candidates]") {
  Candidates candidates{200};
  for (int i = 0; i < 50; ++i) candidates.offer(candidate(i, 5));
  REQUIRE(candidates.next());
  candidates.lost_race();
  candidates.offer(candidate(1, 2));
  CHECK(candidates.next()->file == candidate(1, 2).file);
}

TEST_CASE("a strict window goes on at the best name after a lost race", "[consumer][candidates]") {
  Candidates candidates{200};
  candidates.set_strict(true);
  for (int i = 0; i < 100; ++i) candidates.offer(candidate(i));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(candidates.next()->file == candidate(i).file);
    candidates.lost_race();
  }
}

TEST_CASE("more names that cannot be had than can be remembered are passed by all the same",
          "[consumer][candidates]") {
  constexpr int kBad = 500;
  constexpr int kGood = 10;
  Candidates candidates{16, 64};
  const auto now = Clock::now();
  std::vector<std::string> good;
  int rounds = 0;
  do {
    candidates.clear();
    for (int i = 0; i < kBad + kGood; ++i) candidates.offer(candidate(i));
    while (const auto next = candidates.next()) {
      if (next->file < candidate(kBad).file) {
        candidates.defer(next->file, now + seconds{5});
      } else {
        good.push_back(next->file);
      }
    }
    ++rounds;
  } while (candidates.truncated() && rounds < 1000);
  CHECK(good.size() == kGood);
  CHECK(rounds < 1000);
  SECTION("and all of them are offered again when their time has come") {
    CHECK(candidates.next_retry() == now + seconds{5});
    CHECK(candidates.retry_deferred(now + seconds{5}));
    CHECK_FALSE(candidates.next_retry());
    candidates.clear();
    for (const int number : {0, 63, 64, 499}) candidates.offer(candidate(number));
    CHECK(drain(candidates) == files_of({0, 63, 64, 499}));
  }
}

}  // namespace spoolq::test
