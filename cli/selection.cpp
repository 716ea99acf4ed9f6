// Selecting messages.
#include "cli/selection.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "cli/units.hpp"

namespace spoolq::cli {
namespace {

bool selects(const Selection& selection, const MessageInfo& message, Time at) {
  if (selection.key && message.key != *selection.key) return false;
  if (selection.type && message.type != *selection.type) return false;
  if (selection.name && ::fnmatch(selection.name->c_str(), message.name.c_str(), 0) != 0) {
    return false;
  }
  return !selection.older || at - message.enqueued() > *selection.older;
}

}  // namespace

bool Selection::has(State state) const { return std::ranges::find(states, state) != states.end(); }

std::vector<MessageInfo> select(const Queue& queue, const Selection& selection) {
  const Time at = now();
  std::vector<MessageInfo> selected;
  for (const State state : selection.states) {
    std::vector<MessageInfo> found = queue.list(state);
    std::erase_if(found, [&](const auto& message) { return !selects(selection, message, at); });
    std::ranges::move(found, std::back_inserter(selected));
  }
  if (selection.count != 0 && selected.size() > selection.count) {
    selected.resize(selection.count);
  }
  return selected;
}

}  // namespace spoolq::cli
