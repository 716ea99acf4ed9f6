// The window of names: bounded, in order, and fair to what is behind names that cannot be had.
#include <fmt/core.h>

#include <set>

#include "consumer/take/candidates.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using detail::Candidate;
using detail::Window;
using Clock = Window::Clock;
using std::chrono::seconds;

Candidate candidate(int number, int priority = 5) {
  const std::string file =
      fmt::format("{}.01935a7b-8c3d-7e21-9f4a-{:012x}", priority, static_cast<unsigned>(number));
  return {.file = file, .name = *detail::parse_name(file)};
}

std::vector<std::string> drain(Window& window) {
  std::vector<std::string> files;
  while (const auto next = window.next()) files.push_back(next->file);
  return files;
}

std::vector<std::string> files_of(const std::vector<int>& numbers, int priority = 5) {
  std::vector<std::string> files;
  for (const int number : numbers) files.push_back(candidate(number, priority).file);
  return files;
}

}  // namespace

TEST_CASE("an empty window has nothing", "[consumer][window]") {
  Window window{4};
  CHECK(window.empty());
  CHECK_FALSE(window.next());
  CHECK_FALSE(window.truncated());
  CHECK_FALSE(window.next_retry());
  window.lost_race();
  CHECK_FALSE(window.next());
}

TEST_CASE("names come out in order, whatever the order they came in", "[consumer][window]") {
  Window window{8};
  for (const int number : {5, 1, 4, 1, 3}) window.offer(candidate(number));
  CHECK(drain(window) == files_of({1, 3, 4, 5}));
  CHECK_FALSE(window.truncated());
}

TEST_CASE("a better priority comes out first", "[consumer][window]") {
  Window window{8};
  window.offer(candidate(1, 5));
  window.offer(candidate(2, 0));
  window.offer(candidate(0, 9));
  CHECK(window.next()->file == candidate(2, 0).file);
  window.offer(candidate(3, 4));
  CHECK(window.next()->file == candidate(3, 4).file);
  CHECK(window.next()->file == candidate(1, 5).file);
  CHECK(window.next()->file == candidate(0, 9).file);
}

TEST_CASE("of ten thousand names the best stay", "[consumer][window]") {
  constexpr int kNames = 10'000;
  constexpr int kCapacity = 100;
  Window window{kCapacity};
  // 7,919 is a prime: every number once, in disorder.
  for (int i = 0; i < kNames; ++i) window.offer(candidate(i * 7919 % kNames));
  CHECK(window.truncated());
  std::vector<int> best(kCapacity);
  for (int i = 0; i < kCapacity; ++i) best[static_cast<std::size_t>(i)] = i;
  CHECK(drain(window) == files_of(best));
  window.clear();
  CHECK_FALSE(window.truncated());
}

TEST_CASE("a name that is offered again to a full window costs no other its place",
          "[consumer][window]") {
  Window window{3};
  for (const int number : {1, 2, 3, 1, 2, 3}) window.offer(candidate(number));
  CHECK_FALSE(window.truncated());
  CHECK(drain(window) == files_of({1, 2, 3}));
}

TEST_CASE("a name behind those that had no room does not overtake them", "[consumer][window]") {
  Window window{3};
  for (const int number : {1, 2, 3, 4, 5}) window.offer(candidate(number));
  CHECK(window.next()->file == candidate(1).file);
  // There is room now, but 4 and 5 come before it.
  window.offer(candidate(6));
  CHECK(drain(window) == files_of({2, 3}));
  CHECK(window.truncated());
  SECTION("one before them is taken in") {
    window.offer(candidate(0));
    CHECK(drain(window) == files_of({0}));
  }
  SECTION("after the next scan it is in its place") {
    window.clear();
    for (const int number : {6, 5, 4}) window.offer(candidate(number));
    CHECK(drain(window) == files_of({4, 5, 6}));
  }
}

TEST_CASE("a stranger's name stands where its derived name does", "[consumer][window]") {
  Window window{4};
  Candidate stranger = candidate(2);
  stranger.file = "report.txt";
  stranger.stranger = true;
  window.offer(candidate(3));
  window.offer(stranger);
  window.offer(candidate(1));
  CHECK(drain(window) ==
        std::vector<std::string>{candidate(1).file, "report.txt", candidate(3).file});
}

TEST_CASE("five thousand names that were put off do not hide those behind them",
          "[consumer][window]") {
  constexpr int kBad = 5000;
  Window window{100};
  std::vector<std::string> good;
  int rounds = 0;
  do {
    window.clear();
    for (int i = 0; i < kBad + 20; ++i) window.offer(candidate(i));
    while (const auto next = window.next()) {
      if (next->file < candidate(kBad).file) {
        window.put_off(next->file, Clock::now() + seconds{60});
      } else {
        good.push_back(next->file);
      }
    }
    ++rounds;
  } while (window.truncated());
  CHECK(good.size() == 20);
  CHECK(rounds <= kBad / 100 + 1);
}

TEST_CASE("a name that was put off is offered again when its time has come", "[consumer][window]") {
  Window window{4};
  const auto now = Clock::now();
  window.put_off(candidate(1).file, now + seconds{2});
  window.put_off(candidate(2).file, now + seconds{1});
  window.offer(candidate(1));
  window.offer(candidate(2));
  CHECK(window.empty());
  CHECK(window.next_retry() == now + seconds{1});
  CHECK_FALSE(window.readmit(now));
  CHECK(window.readmit(now + seconds{1}));
  CHECK(window.next_retry() == now + seconds{2});
  window.offer(candidate(1));
  window.offer(candidate(2));
  CHECK(drain(window) == files_of({2}));
  CHECK(window.readmit(now + seconds{60}));
  CHECK_FALSE(window.next_retry());
  window.offer(candidate(1));
  CHECK(drain(window) == files_of({1}));
}

TEST_CASE("a lost race moves on within the priority, and comes round to all of it",
          "[consumer][window]") {
  constexpr int kNames = 50;
  std::set<std::string> firsts;
  for (int round = 0; round < 100; ++round) {
    Window window{200};
    for (int i = 0; i < kNames; ++i) window.offer(candidate(i, 1));
    for (int i = 0; i < kNames; ++i) window.offer(candidate(i, 5));
    REQUIRE(window.next());
    window.lost_race();
    const auto files = drain(window);
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

TEST_CASE("after a lost race a better priority still comes first", "[consumer][window]") {
  Window window{200};
  for (int i = 0; i < 50; ++i) window.offer(candidate(i, 5));
  REQUIRE(window.next());
  window.lost_race();
  window.offer(candidate(1, 2));
  CHECK(window.next()->file == candidate(1, 2).file);
}

TEST_CASE("a strict window goes on at the best name after a lost race", "[consumer][window]") {
  Window window{200};
  window.set_strict(true);
  for (int i = 0; i < 100; ++i) window.offer(candidate(i));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(window.next()->file == candidate(i).file);
    window.lost_race();
  }
}

TEST_CASE("more names that cannot be had than can be remembered are passed by all the same",
          "[consumer][window]") {
  constexpr int kBad = 500;
  constexpr int kGood = 10;
  Window window{16, 64};
  const auto now = Clock::now();
  std::vector<std::string> good;
  int rounds = 0;
  do {
    window.clear();
    for (int i = 0; i < kBad + kGood; ++i) window.offer(candidate(i));
    while (const auto next = window.next()) {
      if (next->file < candidate(kBad).file) {
        window.put_off(next->file, now + seconds{5});
      } else {
        good.push_back(next->file);
      }
    }
    ++rounds;
  } while (window.truncated() && rounds < 1000);
  CHECK(good.size() == kGood);
  CHECK(rounds < 1000);
  SECTION("and all of them are offered again when their time has come") {
    CHECK(window.next_retry() == now + seconds{5});
    CHECK(window.readmit(now + seconds{5}));
    CHECK_FALSE(window.next_retry());
    window.clear();
    for (const int number : {0, 63, 64, 499}) window.offer(candidate(number));
    CHECK(drain(window) == files_of({0, 63, 64, 499}));
  }
}

}  // namespace spoolq::test
