// Printing payloads, for cat and peek.
#pragma once

#include "cli/output/print.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// Prints the payload of a message. What there is of a damaged one is printed, too. Throws Error.
void print_payload(const Queue& queue, const MessageInfo& message, Output& out);

}  // namespace spoolq::cli
