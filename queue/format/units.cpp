// Reading and writing durations, sizes and backoffs.
#include "spoolq/units.hpp"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

namespace spoolq {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kDurations{{
    {"d", 86'400'000},
    {"h", 3'600'000},
    {"m", 60'000},
    {"s", 1'000},
    {"ms", 1},
}};
constexpr std::int64_t kDurationMax = std::int64_t{100} * 365 * 86'400'000;

constexpr std::array<std::pair<std::string_view, unsigned>, 3> kSizes{{
    {"G", 30},
    {"M", 20},
    {"K", 10},
}};

/// Splits "10s" into its number and its unit. The number is digits with at most one dot.
std::pair<std::string_view, std::string_view> split_unit(std::string_view text) {
  const std::size_t end = std::min(text.find_first_not_of("0123456789."), text.size());
  return {text.substr(0, end), text.substr(end)};
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto [number, unit] = split_unit(text);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (number.empty() || number.front() == '.' || error != std::errc{} ||
      end != number.data() + number.size()) {
    return std::nullopt;
  }
  std::int64_t scale = unit.empty() ? 1'000 : 0;
  for (const auto& [name, milliseconds] : kDurations) {
    if (name == unit) scale = milliseconds;
  }
  const double milliseconds = std::round(value * static_cast<double>(scale));
  if (scale == 0 || milliseconds > static_cast<double>(kDurationMax)) return std::nullopt;
  return Duration{static_cast<std::int64_t>(milliseconds)};
}

std::string format_duration(Duration duration) {
  if (duration.count() == 0) return "0s";
  for (const auto& [name, milliseconds] : kDurations) {
    if (duration.count() % milliseconds == 0) {
      return fmt::format("{}{}", duration.count() / milliseconds, name);
    }
  }
  return fmt::format("{}ms", duration.count());
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const auto [number, unit] = split_unit(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (number.empty() || error != std::errc{} || end != number.data() + number.size()) {
    return std::nullopt;
  }
  unsigned shift = 0;
  bool known = unit.empty();
  for (const auto& [name, bits] : kSizes) {
    if (name != unit) continue;
    shift = bits;
    known = true;
  }
  const auto largest = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!known || value > largest >> shift) return std::nullopt;
  return value << shift;
}

std::string format_size(std::uint64_t bytes) {
  for (const auto& [name, bits] : kSizes) {
    const std::uint64_t unit = std::uint64_t{1} << bits;
    if (bytes != 0 && bytes % unit == 0) return fmt::format("{}{}", bytes / unit, name);
  }
  return fmt::format("{}", bytes);
}

std::optional<Backoff> parse_backoff(std::string_view text) {
  if (text == "off") return Backoff{Duration{0}, Duration{0}};
  const std::size_t dots = text.find("..");
  const auto first = parse_duration(text.substr(0, dots));
  const auto longest =
      dots == std::string_view::npos ? first : parse_duration(text.substr(dots + 2));
  if (!first || !longest || *first > *longest) return std::nullopt;
  return Backoff{*first, *longest};
}

std::string format_backoff(const Backoff& backoff) {
  if (backoff.longest == Duration{0}) return "off";
  std::string text = format_duration(backoff.first);
  if (backoff.first != backoff.longest) text += ".." + format_duration(backoff.longest);
  return text;
}

}  // namespace spoolq
