// Reading and printing numbers, times, ages and sizes.
#include "cli/output/units.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <ctime>
#include <regex>
#include <string>

#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

/// The number that a match of digits is; 0 where there is none.
int number_of(const std::csub_match& digits) {
  int number = 0;
  std::from_chars(digits.first, digits.second, number);
  return number;
}

/// strptime(3) takes fewer digits and blanks as well, so the form is looked at first.
std::optional<Time> parse_rfc3339(std::string_view text) {
  using namespace std::chrono;
  static const std::regex kForm{
      R"((\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(\.(\d{1,3})\d*)?([Zz]|([+-])([01]\d|2[0-3]):([0-5]\d)))"};
  std::cmatch part;
  if (!std::regex_match(text.begin(), text.end(), part, kForm)) return std::nullopt;
  std::tm fields{};
  const std::string clock = part.str(1) + ' ' + part.str(2);
  if (::strptime(clock.c_str(), "%Y-%m-%d %H:%M:%S", &fields) == nullptr) return std::nullopt;
  const year_month_day date{year{fields.tm_year + 1900}, month(fields.tm_mon + 1),
                            day(fields.tm_mday)};
  // 60: a leap second. strptime(3) takes 61, and the 31st of any month.
  if (!date.ok() || fields.tm_sec > 60) return std::nullopt;
  std::string fraction = part.str(4);
  fraction.resize(3, '0');
  const minutes offset = hours{number_of(part[7])} + minutes{number_of(part[8])};
  return Time{sys_days{date}} + hours{fields.tm_hour} + minutes{fields.tm_min} +
         seconds{fields.tm_sec} + milliseconds{std::stoi(fraction)} -
         (part[6] == "-" ? -offset : offset);
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
