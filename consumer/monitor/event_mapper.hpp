// What a change in the folders means for a message.
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "consumer/monitor/folder_events.hpp"
#include "queue/format/message_name.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/monitor.hpp"

namespace spoolq::detail {

/// What a move between two states is; nothing when it is no event. An empty state is outside.
std::optional<EventKind> kind_of_move(std::optional<State> from, State to);
/// The event. `state` is where the message is now.
Event make_event(const OpenQueue& queue, EventKind kind, const MessageName& name,
                 std::optional<State> state);

/// Makes events of the changes that inotify tells. It remembers the files of other programs in
/// new/, because their ids are not in their names: when one is gone its id could not be found out.
/// One thread.
class EventMapper {
 public:
  /// Looks for such files. The queue must be watched already.
  explicit EventMapper(OpenQueue& queue);

  /// Appends what `change` means to `events`. Returns the message that has another place or name
  /// now, also where that is no event.
  std::optional<MessageId> map(const FolderChange& change, std::deque<Event>& events);
  /// A look into new/ found that a stranger's file has this id now.
  void note(const std::string& file, const MessageId& id) { foreign_[file] = id; }

 private:
  void look_for_foreign_files();
  /// What was at the place. Sets `untold` if no event told that it was there.
  std::optional<MessageName> leave(const Place& place, bool& untold);
  /// What is at the place now; nothing when that is no message, or not yet.
  std::optional<MessageName> arrive(const FolderChange& change,
                                    const std::optional<MessageName>& before);
  [[nodiscard]] bool is_complete_when_created(const std::string& file) const;

  OpenQueue& queue_;
  std::unordered_map<std::string, MessageId> foreign_;  ///< Files of new/ that were told.
  std::unordered_set<std::string> untold_;  ///< Files of new/ not complete, or gone before a look.
};

}  // namespace spoolq::detail
