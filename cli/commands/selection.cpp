// Selecting messages.
#include "cli/commands/selection.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>
#include <set>

#include "cli/output/units.hpp"
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

std::vector<State> parse_states(const Parsed& parsed, const std::vector<State>& if_none) {
  std::set<State> states;
  for (const std::string& text : parsed.values("state")) {
    std::size_t start = 0;
    while (start <= text.size()) {
      const std::size_t comma = std::min(text.find(',', start), text.size());
      const auto state = parse_state(std::string_view{text}.substr(start, comma - start));
      if (!state) {
        parsed.bad_value("state", text, "not of ready, claimed, delayed, failed, done");
      }
      states.insert(*state);
      start = comma + 1;
    }
  }
  if (states.empty()) return if_none;
  return {states.begin(), states.end()};
}

Selection parse_selection(const Parsed& parsed, std::vector<State> states) {
  Selection selection;
  selection.states = std::move(states);
  selection.key = parsed.value("key");
  selection.type = parsed.value("type");
  selection.name = parsed.value("name");
  selection.older = parsed.duration("older");
  for (const char* option : {"key", "type", "name"}) {
    // An unset variable in a script would choose every message without one.
    if (parsed.value(option) == "") parsed.bad_value(option, "", "empty");
  }
  return selection;
}

void require_ids_or_all(const Parsed& parsed, const std::vector<std::string>& ids,
                        const Selection& selection) {
  const bool all = parsed.flag("all");
  if (all && !ids.empty()) parsed.wrong_use("ids and --all exclude each other");
  if (!all && ids.empty()) parsed.wrong_use("which messages? Ids, or --all", true);
  if (!all && selection.narrow()) {
    parsed.wrong_use("--key, --type, --name and --older choose from --all");
  }
}

}  // namespace spoolq::cli
