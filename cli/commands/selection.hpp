// Which messages a command is about: their states, and what else they must have in common.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/args/parsed.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

struct Selection {
  std::vector<State> states;
  std::optional<std::string> key;
  std::optional<std::string> type;
  std::optional<std::string> name;  ///< A pattern, as in glob(7).
  std::optional<Duration> older;    ///< Put longer ago than this.
  std::size_t count = 0;            ///< The first so many of them; 0: all.

  /// Whether more than the state is asked for.
  [[nodiscard]] bool narrow() const { return key || type || name || older; }
  [[nodiscard]] bool has(State state) const;
};

/// The messages that are selected, by state, each in the order of Queue::list().
std::vector<MessageInfo> select(const Queue& queue, const Selection& selection);

/// What --state says: any number of states, each a list.
std::vector<State> parse_states(const Parsed& parsed, const std::vector<State>& if_none);
/// The options of a selection; the states come from elsewhere.
Selection parse_selection(const Parsed& parsed, std::vector<State> states);
/// Ids, or --all and what narrows it. Throws UsageError unless it is the one or the other.
void require_ids_or_all(const Parsed& parsed, const std::vector<std::string>& ids,
                        const Selection& selection);

}  // namespace spoolq::cli
