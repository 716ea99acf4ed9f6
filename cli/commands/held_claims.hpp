// Finishing held claims: what ack, release, extend and fail have in common.
#pragma once

#include <functional>
#include <optional>

#include "cli/args/parsed.hpp"
#include "cli/output/print.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// Does it for each reference. One that fails is reported and the others are done; the exit code
/// is the first error's.
int for_each_claim(const Parsed& parsed, const Console& console,
                   const std::function<void(DetachedClaim&)>& finish);

/// --lease. Throws Failure for one that would be over at once.
std::optional<Duration> parse_lease(const Parsed& parsed);

}  // namespace spoolq::cli
