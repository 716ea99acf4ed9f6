// Reading and printing numbers, times, ages and sizes.
#include "cli/output/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <regex>

#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

std::optional<Time> parse_rfc3339(const std::string& text) {
  using namespace std::chrono;
  static const std::regex form{R"((\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?)"
                               R"((?:[Zz]|([+-])(\d\d):(\d\d)))"};
  constexpr std::size_t kLengthMax = 1000;  // The matching is recursive.
  std::smatch part;
  if (text.size() > kLengthMax || !std::regex_match(text, part, form)) return std::nullopt;
  const auto number = [&part](std::size_t i) { return part[i].matched ? std::stoi(part[i]) : 0; };
  const year_month_day date{year{number(1)}, month{static_cast<unsigned>(number(2))},
                            day{static_cast<unsigned>(number(3))}};
  // 60: a leap second.
  if (!date.ok() || number(4) > 23 || number(5) > 59 || number(6) > 60) return std::nullopt;
  if (number(9) > 23 || number(10) > 59) return std::nullopt;
  const std::string fraction = part[7].str() + "000";
  const Time time = Time{sys_days{date}} + hours{number(4)} + minutes{number(5)} +
                    seconds{number(6)} + milliseconds{std::stoi(fraction.substr(0, 3))};
  const minutes offset = hours{number(9)} + minutes{number(10)};
  return part[8] == "-" ? time + offset : time - offset;
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
  return parse_rfc3339(std::string{text});
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
