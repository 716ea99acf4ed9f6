// The states' names.
#include "spoolq/message.hpp"

#include <utility>

namespace spoolq {
namespace {
constexpr std::array<std::pair<State, std::string_view>, 5> kStates{{
    {State::ready, "ready"},
    {State::claimed, "claimed"},
    {State::delayed, "delayed"},
    {State::failed, "failed"},
    {State::done, "done"},
}};
}  // namespace

std::string_view to_string(State state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  return "unknown";
}

std::optional<State> parse_state(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  return std::nullopt;
}

}  // namespace spoolq
