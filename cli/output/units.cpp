// Reading and printing numbers, times, ages and sizes.
#include "cli/output/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes exactly `count` digits from the front of `text`.
std::optional<int> take_digits(std::string_view& text, std::size_t count) {
  if (text.size() < count) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, count)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(count);
  return value;
}

bool take_char(std::string_view& text, std::string_view accepted) {
  if (text.empty() || accepted.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  const auto year_number = take_digits(text, 4);
  if (!year_number || !take_char(text, "-")) return std::nullopt;
  const auto month_number = take_digits(text, 2);
  if (!month_number || !take_char(text, "-")) return std::nullopt;
  const auto day_number = take_digits(text, 2);
  if (!day_number || !take_char(text, "Tt ")) return std::nullopt;
  const year_month_day date{year{*year_number}, month{static_cast<unsigned>(*month_number)},
                            day{static_cast<unsigned>(*day_number)}};
  if (!date.ok()) return std::nullopt;

  const auto hour_number = take_digits(text, 2);
  if (!hour_number || *hour_number > 23 || !take_char(text, ":")) return std::nullopt;
  const auto minute_number = take_digits(text, 2);
  if (!minute_number || *minute_number > 59 || !take_char(text, ":")) return std::nullopt;
  const auto second_number = take_digits(text, 2);
  if (!second_number || *second_number > 60) return std::nullopt;  // 60: a leap second.

  int milliseconds_number = 0;
  if (take_char(text, ".")) {
    int digits = 0;
    while (!text.empty() && is_digit(text.front())) {
      if (digits < 3) milliseconds_number = milliseconds_number * 10 + (text.front() - '0');
      ++digits;
      text.remove_prefix(1);
    }
    if (digits == 0) return std::nullopt;
    for (; digits < 3; ++digits) milliseconds_number *= 10;
  }

  minutes offset{0};
  if (text.empty()) return std::nullopt;
  if (!take_char(text, "Zz")) {
    const bool west = text.front() == '-';
    if (!take_char(text, "+-")) return std::nullopt;
    const auto offset_hours = take_digits(text, 2);
    if (!offset_hours || *offset_hours > 23 || !take_char(text, ":")) return std::nullopt;
    const auto offset_minutes = take_digits(text, 2);
    if (!offset_minutes || *offset_minutes > 59) return std::nullopt;
    offset = hours{*offset_hours} + minutes{*offset_minutes};
    if (west) offset = -offset;
  }
  if (!text.empty()) return std::nullopt;
  return Time{sys_days{date}} + hours{*hour_number} + minutes{*minute_number} +
         seconds{*second_number} + milliseconds{milliseconds_number} - offset;
}

}  // namespace

std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t maximum) {
  std::uint64_t value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || rest != text.data() + text.size() ||
      value > maximum) {
    return std::nullopt;
  }
  return value;
}

std::optional<Time> parse_time(std::string_view text, Time now) {
  if (!text.empty() && text.front() == '+') {
    const auto duration = parse_duration(text.substr(1));
    if (!duration) return std::nullopt;
    return now + *duration;
  }
  return parse_rfc3339(text);
}

std::string format_time(Time time) {
  using namespace std::chrono;
  // A name has room for times that RFC 3339 has not: its years have four digits.
  constexpr Time kFirst{sys_days{year{0} / January / 1}};
  constexpr Time kLast{sys_days{year{10000} / January / 1} - milliseconds{1}};
  time = std::clamp(time, kFirst, kLast);
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

timespec to_timespec(Time time) {
  const auto milliseconds = time.time_since_epoch().count();
  return {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1'000'000};
}

double to_seconds(Duration duration) { return static_cast<double>(duration.count()) / 1000.0; }

std::string readable_duration(Duration duration) {
  if (duration < Duration{0}) return "-" + readable_duration(-duration);
  const std::int64_t milliseconds = duration.count();
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds < 10) return fmt::format("{}.{}s", seconds, milliseconds % 1000 / 100);
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m{:02}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h{:02}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d{:02}h", seconds / 86400, seconds % 86400 / 3600);
}

std::string readable_size(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{}", bytes);
  auto value = static_cast<double>(bytes);
  std::string_view unit;
  for (const std::string_view next : {"K", "M", "G", "T", "P", "E"}) {
    value /= 1024;
    unit = next;
    if (value < 1023.5) break;
  }
  return value < 9.95 ? fmt::format("{:.1f}{}", value, unit) : fmt::format("{:.0f}{}", value, unit);
}

Time now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

}  // namespace spoolq::cli
