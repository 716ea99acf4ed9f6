// Ids and reasons for tables and complaints.
#include "cli/output/message_text.hpp"

#include <fmt/format.h>

#include "cli/output/print.hpp"

namespace spoolq::cli {

std::string short_id(const MessageId& id) {
  const std::string text = id.to_string();
  return text.substr(text.size() - 8);
}

std::string reason_text(const Reason& reason) {
  if (!reason.text.empty()) return escape(reason.text);
  if (reason.exit_code) return fmt::format("exit code {}", *reason.exit_code);
  return reason.signal ? fmt::format("killed by signal {}", *reason.signal) : std::string{};
}

}  // namespace spoolq::cli
