// Changing messages by hand: what retry, mv, rm and purge have in common.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/output/print.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// How a command changes a message. Few messages are synced one by one. For many, one sync of the
/// whole file system is quicker, though it waits for what other programs have written too.
using Change = std::function<void(const MessageInfo&, Sync)>;

/// The queues that a command changes, in the order in which they are synced.
using Changed = std::vector<Queue*>;

// A message that cannot be changed is reported and the others are changed. These return the exit
// code, which is the first error's.

/// Changes the messages that `ids` name, among those of `queue` in `states`.
int change_named(const Console& console, const Queue& queue, const std::vector<std::string>& ids,
                 const std::vector<State>& states, const Change& change, const Changed& changed);
/// Changes `messages` and prints how many it changed after the word `done`. A message that another
/// process was quicker to take is reported, and is no error.
int change_selected(const Console& console, const std::vector<MessageInfo>& messages,
                    const Change& change, const Changed& changed, std::string_view done);

/// Says that no message was selected. Returns the exit code.
int nothing_selected(const Console& console);
/// For --dry-run. Returns the exit code.
int print_ids(const std::vector<MessageInfo>& messages, const Console& console);

}  // namespace spoolq::cli
