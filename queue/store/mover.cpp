// Claims for moves.
#include "queue/store/mover.hpp"

#include <fmt/core.h>

namespace spoolq::detail {

std::string Mover::next_claim() {
  return fmt::format("{}.{:x}", registration_.consumer(), ++claims_);
}

}  // namespace spoolq::detail
