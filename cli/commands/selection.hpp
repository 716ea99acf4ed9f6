// Which messages a command is about: their states, and what else they must have in common.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/args/command.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

struct Selection {
  std::vector<State> states;  ///< Those that --state says, else what the command has set here.
  std::optional<std::string> key{};
  std::optional<std::string> type{};
  std::optional<std::string> name{};  ///< A pattern, as in glob(7).
  std::optional<Duration> older{};    ///< Put longer ago than this.
  std::size_t count = 0;              ///< The first so many of them; 0: all.
  bool all = false;

  // The options; the selection must outlive the command's parse().

  /// --state: any number of states, each a list.
  void bind_states(Command& command, std::string_view help);
  /// The same for commands that leave claimed messages alone.
  void bind_states_but_claimed(Command& command);
  /// --key, --type, --name and --older.
  void bind_filters(Command& command);
  /// --all and -n.
  void bind_all(Command& command, std::string_view help);

  // The rules; these throw.

  /// Ids, or --all and what narrows it: the one or the other.
  void require_ids_or_all(const Command& command, const std::vector<std::string>& ids) const;
  void require_none_claimed(const Command& command, std::string_view why) const;

  /// Whether more than the state is asked for.
  [[nodiscard]] bool narrow() const { return key || type || name || older; }
};

/// The messages that are selected, by state, each in the order of Queue::list().
std::vector<MessageInfo> select(const Queue& queue, const Selection& selection);

}  // namespace spoolq::cli
