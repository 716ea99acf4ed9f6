// How long a failed run is waited out.
#include "queue/lifecycle/backoff.hpp"

#include "tests/support/catch.hpp"

namespace spoolq::test {

using detail::backoff_limit;
using detail::random_backoff;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST_CASE("the limit of the wait doubles with each run up to the longest", "[queue][backoff]") {
  const Backoff backoff{seconds{1}, hours{1}};
  CHECK(backoff_limit(backoff, 1) == seconds{1});
  CHECK(backoff_limit(backoff, 2) == seconds{2});
  CHECK(backoff_limit(backoff, 3) == seconds{4});
  CHECK(backoff_limit(backoff, 12) == seconds{2048});
  CHECK(backoff_limit(backoff, 13) == hours{1});
  CHECK(backoff_limit(backoff, 9999) == hours{1});
}

TEST_CASE("a single duration is the limit of every wait, and none is none", "[queue][backoff]") {
  for (const unsigned attempt : {1U, 2U, 9999U}) {
    CHECK(backoff_limit({minutes{5}, minutes{5}}, attempt) == minutes{5});
    CHECK(backoff_limit({Duration{0}, Duration{0}}, attempt) == Duration{0});
    CHECK(random_backoff({Duration{0}, Duration{0}}, attempt) == Duration{0});
  }
  CHECK(backoff_limit({Duration{0}, minutes{1}}, 1) == Duration{0});
  CHECK(backoff_limit({Duration{0}, minutes{1}}, 9999) == minutes{1});
}

TEST_CASE("the wait is anywhere between none and its limit", "[queue][backoff]") {
  const Backoff backoff{seconds{1}, seconds{8}};
  // So many draws miss a tenth of the range once in 10^45 runs.
  constexpr int kDraws = 1000;
  Duration least = hours{1};
  Duration most{0};
  for (int i = 0; i < kDraws; ++i) {
    const Duration wait = random_backoff(backoff, 3);
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  CHECK(least >= Duration{0});
  CHECK(least < Duration{400});
  CHECK(most <= seconds{4});
  CHECK(most > Duration{3600});
}

}  // namespace spoolq::test
