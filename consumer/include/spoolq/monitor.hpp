// What happens in a queue, told to somebody who takes no part in it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "spoolq/export.hpp"
#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"

namespace spoolq {

enum class EventKind {
  put,       ///< It is new here: ready, or delayed.
  claimed,   ///< A consumer has it.
  gone,      ///< It is done, was removed, or went elsewhere: into another queue, into bad/.
  returned,  ///< It is ready again: released, taken back, due, or retried.
  delayed,   ///< It was given back, not to be delivered before some time.
  failed,    ///< It was given up.
  overflow,  ///< About no message: some events were lost, what happened meanwhile is not told.
};
SPOOLQ_EXPORT std::string_view to_string(EventKind kind);

/// One thing that happened to a message. `name`, `key` and `attempts` are those of MessageInfo.
struct Event {
  Time at;  ///< When it was noticed.
  EventKind kind = EventKind::put;
  MessageId id;
  std::optional<State> state;  ///< Where the message is now; empty: nowhere in this queue.
  std::string name;
  std::string key;
  unsigned attempts = 0;
};

/// Tells what happens in a queue.
///
/// It changes nothing there: it opens no message, takes no lock and is not counted as a consumer,
/// so nobody is slower or faster for it. Everything from its making on is told, the events of one
/// message in their order. A claim that is prolonged, and a finished message that is removed from
/// done/, are no events. A file that another program writes into new/ is put when its writer closes
/// it; one that is linked or renamed there, at once.
///
/// Without inotify, and on network and FUSE file systems, it looks every 500 ms instead: then of
/// what happens to a message between two looks only the outcome is told, and that it is gone, one
/// look later. For each file of another program in new/ it keeps the name in memory.
///
/// One thread at a time, except stop(), which any thread and any signal handler may call. In a
/// forked child its calls throw errc::foreign_process.
class SPOOLQ_EXPORT Monitor {
 public:
  /// Opens the queue at `path` and begins to watch. Throws as Queue::open; a Maildir will do.
  explicit Monitor(const std::filesystem::path& path, LogHandler log = {});
  explicit Monitor(Queue queue);
  Monitor(Monitor&&) noexcept;
  Monitor& operator=(Monitor&&) noexcept;
  ~Monitor();

  /// The next event, waiting up to `timeout` for one. nullopt: the time ran out, or stop(). Throws
  /// errc::not_a_queue when the queue was removed.
  std::optional<Event> next(Duration timeout);
  /// The same without a limit; nullopt only after stop().
  std::optional<Event> next();
  /// Ends the next() that waits now, or the next one. Later ones wait again.
  void stop() noexcept;

  // Looks into the folders. Messages move while one looks into one folder after the other; what
  // these do not find is not there, because they look again when events tell of a move. Events
  // from before and during the look are told by next() as ever.

  /// Where these messages are. Those that are not in the result are nowhere.
  [[nodiscard]] std::map<MessageId, MessageInfo> find(const std::set<MessageId>& ids);
  /// The same of those whose ids are `wanted`.
  [[nodiscard]] std::map<MessageId, MessageInfo> find_if(
      const std::function<bool(const MessageId&)>& wanted);
  /// Some message in one of these states, whichever is found first; nullopt: there is none.
  [[nodiscard]] std::optional<MessageInfo> find_any(const std::vector<State>& states);
  /// Whether a file of this message was set aside in bad/: damaged, or no regular file.
  [[nodiscard]] bool is_set_aside(const MessageId& id) const;

  /// The queue that is watched.
  [[nodiscard]] const Queue& queue() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spoolq
