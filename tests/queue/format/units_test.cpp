// Durations and sizes as people write them.
#include "spoolq/units.hpp"

#include "tests/support/catch.hpp"

namespace spoolq::test {

TEST_CASE("durations are read in five units", "[queue][units]") {
  struct Case {
    const char* text;
    std::int64_t milliseconds;
  };
  for (const Case& each :
       {Case{"250ms", 250}, Case{"10s", 10'000}, Case{"5m", 300'000}, Case{"1h", 3'600'000},
        Case{"7d", 604'800'000}, Case{"10", 10'000}, Case{"0", 0}, Case{"0ms", 0}, Case{"0d", 0},
        Case{"1.5s", 1'500}, Case{"0.5h", 1'800'000}, Case{"1.5", 1'500}, Case{"0.4ms", 0},
        Case{"0.6ms", 1}, Case{"0.1d", 8'640'000}, Case{"007s", 7'000},
        Case{"36500d", 3'153'600'000'000}}) {
    INFO(each.text);
    CHECK(parse_duration(each.text) == Duration{each.milliseconds});
  }
}

TEST_CASE("anything else is no duration", "[queue][units]") {
  for (const char* text : {"",
                           " ",
                           "s",
                           "ms",
                           "-1s",
                           "+1s",
                           " 1s",
                           "1s ",
                           "1 s",
                           "1S",
                           "1M",
                           "1sec",
                           "1min",
                           "1w",
                           "1y",
                           ".5s",
                           "1..5s",
                           "1.2.3s",
                           ".",
                           "1e3",
                           "1e3s",
                           "0x10",
                           "inf",
                           "nan",
                           "1s5m",
                           "1,5s",
                           "36501d",
                           "3153600001s",
                           "99999999999999999999d",
                           "1\xc2\xb5s",
                           "s1"}) {
    INFO(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("durations are written in the largest unit that is exact", "[queue][units]") {
  struct Case {
    std::int64_t milliseconds;
    const char* text;
  };
  for (const Case& each :
       {Case{0, "0s"}, Case{1, "1ms"}, Case{500, "500ms"}, Case{1'000, "1s"}, Case{1'500, "1500ms"},
        Case{60'000, "1m"}, Case{90'000, "90s"}, Case{600'000, "10m"}, Case{3'600'000, "1h"},
        Case{86'400'000, "1d"}, Case{90'000'000, "25h"}, Case{3'153'600'000'000, "36500d"}}) {
    INFO(each.text);
    CHECK(format_duration(Duration{each.milliseconds}) == each.text);
    CHECK(parse_duration(each.text) == Duration{each.milliseconds});
  }
}

TEST_CASE("sizes are read in powers of 1,024", "[queue][units]") {
  struct Case {
    const char* text;
    std::uint64_t bytes;
  };
  for (const Case& each : {Case{"0", 0}, Case{"1", 1}, Case{"1023", 1'023}, Case{"1K", 1'024},
                           Case{"64M", 67'108'864}, Case{"2G", 2'147'483'648}, Case{"0G", 0},
                           Case{"007", 7}, Case{"9223372036854775807", 9'223'372'036'854'775'807U},
                           Case{"8589934591G", 9'223'372'035'781'033'984U}}) {
    INFO(each.text);
    CHECK(parse_size(each.text) == each.bytes);
  }
}

TEST_CASE("anything else is no size", "[queue][units]") {
  for (const char* text : {"",
                           " ",
                           "K",
                           "1k",
                           "1m",
                           "1KB",
                           "1KiB",
                           "1T",
                           "1.5K",
                           "1.0",
                           ".1",
                           "-1",
                           "+1",
                           " 1",
                           "1 ",
                           "1 K",
                           "0x10",
                           "1e3",
                           "9223372036854775808",
                           "8589934592G",
                           "9007199254740992K",
                           "99999999999999999999",
                           "K1"}) {
    INFO(text);
    CHECK_FALSE(parse_size(text));
  }
}

TEST_CASE("sizes are written in the largest unit that is exact", "[queue][units]") {
  struct Case {
    std::uint64_t bytes;
    const char* text;
  };
  for (const Case& each :
       {Case{0, "0"}, Case{1, "1"}, Case{1'023, "1023"}, Case{1'024, "1K"}, Case{1'536, "1536"},
        Case{67'108'864, "64M"}, Case{1'073'741'824, "1G"}, Case{1'073'742'848, "1048577K"}}) {
    INFO(each.text);
    CHECK(format_size(each.bytes) == each.text);
    CHECK(parse_size(each.text) == each.bytes);
  }
}

}  // namespace spoolq::test
