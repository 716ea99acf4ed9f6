// Printing payloads, for cat and peek.
#pragma once

#include "cli/output/print.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// Prints the payload of a message. What there is of a damaged one is printed, too. Throws Error.
inline void print_payload(const Queue& queue, const MessageInfo& message, Output& out) {
  try {
    queue.read_payload(message, [&out](std::string_view bytes) { out.write(bytes); });
  } catch (const Error&) {
    out.flush();  // Of a damaged message, all that there is.
    throw;
  }
}

}  // namespace spoolq::cli
