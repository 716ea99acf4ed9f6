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

/// The original name. The file is asked only where the file's name may hold but the beginning.
std::string whole_name(const Queue& queue, const MessageInfo& message) {
  if (message.name.empty() || !message.name_may_be_cut) return message.name;
  try {
    return queue.details(message).info.name;
  } catch (const Error&) {
    return message.name;  // It has moved on, or is not ours to read.
  }
}

bool selects(const Queue& queue, const Selection& selection, const MessageInfo& message, Time at) {
  if (selection.key && message.key != *selection.key) return false;
  if (selection.type && message.type != *selection.type) return false;
  if (selection.older && message.age(at) <= *selection.older) return false;
  return !selection.name ||
         ::fnmatch(selection.name->c_str(), whole_name(queue, message).c_str(), 0) == 0;
}

}  // namespace

std::vector<MessageInfo> select(const Queue& queue, const Selection& selection) {
  const Time at = now();
  std::vector<MessageInfo> selected;
  for (const State state : selection.states) {
    const std::size_t room = selection.count - std::min(selection.count, selected.size());
    if (selection.count != 0 && room == 0) break;
    std::vector<MessageInfo> found = queue.list(state, selection.narrow() ? 0 : room);
    std::erase_if(found,
                  [&](const auto& message) { return !selects(queue, selection, message, at); });
    if (room != 0 && found.size() > room) found.resize(room);
    std::ranges::move(found, std::back_inserter(selected));
  }
  return selected;
}

void Selection::bind_states(Command& command, std::string_view help) {
  const auto store = [this, chosen = std::set<State>{}](const std::string& text) mutable {
    constexpr const char* kWrong = "not of ready, claimed, delayed, failed, done";
    std::size_t start = 0;
    while (start <= text.size()) {
      const std::size_t comma = std::min(text.find(',', start), text.size());
      const auto state = parse_state(std::string_view{text}.substr(start, comma - start));
      if (!state) return kWrong;
      chosen.insert(*state);
      start = comma + 1;
    }
    states.assign(chosen.begin(), chosen.end());
    return "";
  };
  command.option({"--state", "S", help}, &states, store, /*repeats=*/true);
}

void Selection::bind_states_but_claimed(Command& command) {
  bind_states(command, "only those that are ready, delayed, failed or done; a list, or again");
}

void Selection::bind_filters(Command& command) {
  const auto filter = [&](std::string_view spelling, std::optional<std::string>& variable,
                          std::string_view value, std::string_view help) {
    // An unset variable in a script would choose every message without one.
    const auto read = [](const std::string& text) {
      return text.empty() ? std::nullopt : std::optional{text};
    };
    command.option(spelling, variable, value, help, read, "empty");
  };
  filter("--key", key, "KEY", "only messages with this key");
  filter("--type", type, "TYPE", "only messages with this content type");
  filter("--name", name, "GLOB", "only messages whose name matches, such as '*.jpg'");
  command.duration("--older", older, "only messages put longer ago than this");
}

void Selection::bind_all(Command& command, std::string_view help) {
  command.flag("--all", all, help);
  command.number("-n", count, 0, kCountMax, "with --all: at most N, in the order of ls");
}

void Selection::require_ids_or_all(const Command& command,
                                   const std::vector<std::string>& ids) const {
  if (all && !ids.empty()) command.wrong_use("ids and --all exclude each other");
  if (!all && ids.empty()) command.wrong_use("which messages? Ids, or --all", true);
  if (!all && narrow()) command.wrong_use("--key, --type, --name and --older choose from --all");
}

void Selection::require_none_claimed(const Command& command, std::string_view why) const {
  if (std::ranges::count(states, State::claimed) > 0) command.bad_value(&states, "claimed", why);
}

}  // namespace spoolq::cli
