// Printing payloads.
#include "cli/commands/payload.hpp"

namespace spoolq::cli {

void print_payload(const Queue& queue, const MessageInfo& message, Output& out) {
  try {
    queue.read_payload(message, [&out](std::string_view bytes) { out.write(bytes); });
  } catch (const Error&) {
    out.flush();  // Of a damaged message, all that there is.
    throw;
  }
}

}  // namespace spoolq::cli
