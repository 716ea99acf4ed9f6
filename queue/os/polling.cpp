// SPOOLQ_POLL.
#include "queue/os/polling.hpp"

#include <cstdlib>
#include <string_view>

namespace spoolq::detail {

bool polling_is_forced() {
  const char* const value = std::getenv("SPOOLQ_POLL");
  const std::string_view text{value == nullptr ? "" : value};
  return !text.empty() && text != "0";
}

}  // namespace spoolq::detail
