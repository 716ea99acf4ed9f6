// The spelling of durations and sizes in settings, options and output.
#pragma once

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

}  // namespace spoolq
