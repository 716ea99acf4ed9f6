// Finishing held claims: what ack, release, extend and fail have in common.
#pragma once

#include <functional>
#include <string_view>

#include "cli/args/command.hpp"
#include "cli/output/print.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

inline constexpr std::string_view kReferenceDetails =
    R"(REF is the path that `take --hold` printed: exactly that claim is meant, and if it was taken
back meanwhile the answer is "claim lost" (72). An id serves too, for a held claim only, and
is not fenced: it means whoever holds the message now. The claim of a living consumer is
refused (72). Of several, those that can be finished are; the exit code is the first error's.)";

/// Does it for each reference. One that fails is reported and the others are done; the exit code
/// is the first error's.
int for_each_claim(const Command& command, const Console& console,
                   const std::function<void(DetachedClaim&)>& finish);

}  // namespace spoolq::cli
