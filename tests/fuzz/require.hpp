// How a fuzz target says that a property does not hold.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace spoolq::fuzz {

/// Aborts with `property` unless `holds`. Not assert(): it must hold in release builds too.
inline void require(bool holds, std::string_view property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(property.size()), property.data());
  std::abort();
}

}  // namespace spoolq::fuzz
