// Showing names that may hold any bytes.
#include "queue/os/throw_error.hpp"

#include <fmt/core.h>

namespace spoolq::detail {

bool is_forbidden(const std::error_code& code) {
  return code == std::errc::operation_not_permitted || code == std::errc::permission_denied ||
         code == std::errc::device_or_resource_busy;
}

std::string escaped(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    if (c >= ' ' && c <= '~' && c != '\\') {
      shown += c;
    } else {
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return shown;
}

}  // namespace spoolq::detail
