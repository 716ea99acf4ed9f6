// The spelling of durations, sizes and backoffs in settings, options and output.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "spoolq/export.hpp"
#include "spoolq/message.hpp"

namespace spoolq {

/// `250ms`, `10s`, `5m`, `1h`, `7d`, or a bare number of seconds; fractions as in `1.5s`. nullopt
/// for anything else, and for more than 100 years.
SPOOLQ_EXPORT std::optional<Duration> parse_duration(std::string_view text);
/// The shortest spelling that parse_duration() reads back as the same value.
SPOOLQ_EXPORT std::string format_duration(Duration duration);

/// Bytes: a number, or one with `K`, `M` or `G`, powers of 1,024. nullopt for anything else, and
/// for more than 63 bits.
SPOOLQ_EXPORT std::optional<std::uint64_t> parse_size(std::string_view text);
/// The shortest spelling that parse_size() reads back as the same value.
SPOOLQ_EXPORT std::string format_size(std::uint64_t bytes);

/// How long a message waits after a failed run: a random time between 0 and a limit that begins
/// with `first`, doubles with each run and ends with `longest` ("full jitter", as in the AWS
/// Architecture Blog, "Exponential Backoff And Jitter", 2015).
struct Backoff {
  Duration first{1000};
  Duration longest = std::chrono::hours{1};
  bool operator==(const Backoff&) const = default;
};

/// `1s..1h`; a single duration is both; `off` is none. nullopt for anything else, and for a `first`
/// above `longest`.
SPOOLQ_EXPORT std::optional<Backoff> parse_backoff(std::string_view text);
/// The shortest spelling that parse_backoff() reads back as the same value.
SPOOLQ_EXPORT std::string format_backoff(const Backoff& backoff);

}  // namespace spoolq
