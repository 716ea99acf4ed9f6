// Selecting messages.
#include "cli/selection.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "cli/units.hpp"
#include "spoolq/error.hpp"

namespace spoolq::cli {
namespace {

/// File names shorter than this hold the whole original name: docs/format.md, "Length".
constexpr std::size_t kCutLengthMin = 180;

/// The original name. The file is asked only where the file's name may hold but the beginning.
std::string whole_name(const Queue& queue, const MessageInfo& message) {
  const std::size_t slash = message.path.rfind('/') + 1;
  if (message.name.empty() || message.path.size() - slash < kCutLengthMin) return message.name;
  try {
    return queue.details(message).info.name;
  } catch (const Error&) {
    return message.name;  // It has moved on, or is not ours to read.
  }
}

bool selects(const Queue& queue, const Selection& selection, const MessageInfo& message, Time at) {
  if (selection.key && message.key != *selection.key) return false;
  if (selection.type && message.type != *selection.type) return false;
  if (selection.older && at - message.enqueued() <= *selection.older) return false;
  return !selection.name ||
         ::fnmatch(selection.name->c_str(), whole_name(queue, message).c_str(), 0) == 0;
}

}  // namespace

bool Selection::has(State state) const { return std::ranges::find(states, state) != states.end(); }

std::vector<MessageInfo> select(const Queue& queue, const Selection& selection) {
  const Time at = now();
  std::vector<MessageInfo> selected;
  for (const State state : selection.states) {
    std::vector<MessageInfo> found = queue.list(state);
    std::erase_if(found,
                  [&](const auto& message) { return !selects(queue, selection, message, at); });
    std::ranges::move(found, std::back_inserter(selected));
  }
  if (selection.count != 0 && selected.size() > selection.count) {
    selected.resize(selection.count);
  }
  return selected;
}

}  // namespace spoolq::cli
