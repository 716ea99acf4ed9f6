// The word that a mistyped one was probably meant to be.
#pragma once

#include <string_view>
#include <vector>

namespace spoolq::cli {

/// The word among `candidates` that `typed` was probably meant to be, or an empty one: at most two
/// letters changed, or `typed` is its beginning.
std::string_view nearest(std::string_view typed, const std::vector<std::string_view>& candidates);

}  // namespace spoolq::cli
