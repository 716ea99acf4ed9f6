// Reading and printing numbers, times, ages and sizes.
#include "cli/output/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Whether `text` begins as `form`, in which d is a digit, T a T or a blank, Z a Z, s a sign.
bool begins_as(std::string_view text, std::string_view form) {
  const auto fits = [](char c, char kind) {
    switch (kind) {
      case 'd':
        return is_digit(c);
      case 'T':
        return c == 'T' || c == 't' || c == ' ';
      case 'Z':
        return c == 'Z' || c == 'z';
      case 's':
        return c == '+' || c == '-';
      default:
        return c == kind;
    }
  };
  return text.size() >= form.size() && std::ranges::equal(text.substr(0, form.size()), form, fits);
}

/// The number that the `count` digits at `start` are.
int number_at(std::string_view text, std::size_t start, std::size_t count) {
  int number = 0;
  for (const char c : text.substr(start, count)) number = number * 10 + (c - '0');
  return number;
}

std::optional<Time> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:dd";
  if (!begins_as(text, kForm)) return std::nullopt;
  const auto two_at = [text](std::size_t start) { return number_at(text, start, 2); };
  const year_month_day date{year{number_at(text, 0, 4)}, month{static_cast<unsigned>(two_at(5))},
                            day{static_cast<unsigned>(two_at(8))}};
  const int second = two_at(17);
  // 60: a leap second.
  if (!date.ok() || two_at(11) > 23 || two_at(14) > 59 || second > 60) return std::nullopt;
  Time time = Time{sys_days{date}} + hours{two_at(11)} + minutes{two_at(14)} + seconds{second};
  std::string_view rest = text.substr(kForm.size());

  if (begins_as(rest, ".d")) {
    rest.remove_prefix(1);
    const std::size_t digits = std::min(rest.find_first_not_of("0123456789"), rest.size());
    milliseconds unit{100};
    for (const char c : rest.substr(0, std::min<std::size_t>(digits, 3))) {
      time += (c - '0') * unit;
      unit /= 10;
    }
    rest.remove_prefix(digits);
  }

  if (begins_as(rest, "Z") && rest.size() == 1) return time;
  if (!begins_as(rest, "sdd:dd") || rest.size() != 6) return std::nullopt;
  const int offset_hours = number_at(rest, 1, 2);
  const int offset_minutes = number_at(rest, 4, 2);
  if (offset_hours > 23 || offset_minutes > 59) return std::nullopt;
  const minutes offset = hours{offset_hours} + minutes{offset_minutes};
  return rest.front() == '-' ? time + offset : time - offset;
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
