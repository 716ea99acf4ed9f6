// Numbers and times as people write them; times, ages and sizes as the program prints them.
#pragma once

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

#include "spoolq/message.hpp"

namespace spoolq::cli {

/// Reads a number from 0 to `maximum` with nothing around it.
std::optional<std::uint64_t> parse_number(std::string_view text, std::uint64_t maximum);
/// Reads `2026-11-23T03:16:21.402Z`, the same with an offset, or `+10m` counted from `now`.
std::optional<Time> parse_time(std::string_view text, Time now);

/// RFC 3339, UTC, with milliseconds.
std::string format_time(Time time);
timespec to_timespec(Time time);
/// A duration as a number of seconds, for JSON.
double to_seconds(Duration duration);
/// A duration for people: `0.3s`, `4m12s`, `2h03m`, `3d04h`.
std::string readable_duration(Duration duration);
/// A size for people: `812`, `1.2K`, `88K`, `1.5G` (powers of 1,024).
std::string readable_size(std::uint64_t bytes);

/// The present time in whole milliseconds.
Time now();

}  // namespace spoolq::cli
