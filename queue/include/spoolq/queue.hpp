// A queue as a whole: make it, open it, look into it, move its messages by hand.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "spoolq/error.hpp"
#include "spoolq/export.hpp"
#include "spoolq/message.hpp"

namespace spoolq {

namespace detail {
class OpenQueue;
struct QueueAccess;
}  // namespace detail

enum class LogLevel { notice, warning };
/// Receives what the library has to say; it never prints. Called from the thread that found the
/// thing, possibly from several at once. Texts are one line, with file names escaped.
using LogHandler = std::function<void(LogLevel, std::string_view)>;

/// A setting and its value as text, such as {"max_attempts", "3"}.
using SettingChange = std::pair<std::string, std::string>;

/// A claim without a living owner (`spoolq take --hold`), made by Queue::detached_claim(). Any
/// process that has its receipt may finish it. Once one of ack(), release() and fail() has
/// returned, it is over. All throw errc::claim_lost when the claim is no longer there, and the
/// errno. One thread at a time.
class SPOOLQ_EXPORT DetachedClaim {
 public:
  /// The message; its path is the receipt.
  [[nodiscard]] const MessageInfo& info() const { return info_; }
  /// Finishes it: the message is never delivered again. Durable when it returns.
  void ack();
  /// Gives it back, at once or after `delay`; at the maximum of attempts it goes to failed/.
  void release(Duration delay = Duration{0});
  /// Puts it into failed/.
  void fail(const Reason& reason);
  /// Prolongs the claim to `lease` from now, or to the setting detached_lease. Earlier receipts
  /// stay valid.
  void extend(std::optional<Duration> lease = std::nullopt);

 private:
  friend struct detail::QueueAccess;
  DetachedClaim(std::shared_ptr<detail::OpenQueue> queue, MessageInfo info)
      : queue_{std::move(queue)}, info_{std::move(info)} {}

  std::shared_ptr<detail::OpenQueue> queue_;
  MessageInfo info_;
};

/// A payload that was opened for reading. Closes itself. Move-only. One thread at a time.
class SPOOLQ_EXPORT Payload {
 public:
  Payload(Payload&& other) noexcept
      : queue_{std::move(other.queue_)}, descriptor_{std::exchange(other.descriptor_, -1)} {}
  Payload& operator=(Payload&& other) noexcept {
    queue_.swap(other.queue_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Payload();

  /// The descriptor, close-on-exec; valid as long as this lives.
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  friend class Queue;
  Payload(std::shared_ptr<detail::OpenQueue> queue, int descriptor)
      : queue_{std::move(queue)}, descriptor_{descriptor} {}

  std::shared_ptr<detail::OpenQueue> queue_;
  int descriptor_;
};

struct Stats {
  std::string path;
  std::optional<Duration> oldest_ready;  ///< Age of the oldest message in new/.
  std::uint64_t ready = 0, claimed = 0, delayed = 0, failed = 0, done = 0, bad = 0;
  std::uint64_t bytes = 0;      ///< Payload bytes of all messages that are not done.
  std::uint64_t consumers = 0;  ///< Living consumers.
  bool paused = false;
};

struct ReapCounts {
  std::uint64_t returned = 0;  ///< Claims of dead consumers, back in new/.
  std::uint64_t failed = 0;    ///< Messages that had no attempt or time left, to failed/.
  std::uint64_t due = 0;       ///< Delayed messages whose time had come.
  std::uint64_t swept = 0;     ///< Files of dead writers removed from tmp/.
  std::uint64_t pruned = 0;    ///< Finished messages older than keep_done.
};

/// A message that is claimed while a program copies it to another place, made by Queue::move_out().
/// Destroyed, it goes back to where it was, unchanged; after the death of the process a consumer
/// puts it there. One thread at a time.
class SPOOLQ_EXPORT MoveOut {
 public:
  MoveOut(MoveOut&&) noexcept;
  MoveOut& operator=(MoveOut&&) noexcept;
  ~MoveOut();

  /// The message as it is while it is claimed, readable at its path.
  [[nodiscard]] const MessageInfo& info() const;
  /// Removes it for good, when its copy is safe. Durable when it returns; with Sync::none after
  /// Queue::sync(). Throws errc::claim_lost when another program has taken it all the same.
  void remove(Sync sync = Sync::durable);

 private:
  friend class Queue;
  class Impl;
  explicit MoveOut(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// An open queue. A cheap handle: copies share the open folders. All members may be called from
/// several threads at once. Made before fork(), it is the parent's: in the child its calls throw
/// errc::foreign_process.
class SPOOLQ_EXPORT Queue {
 public:
  /// Makes a queue at `path`, or completes one whose making was interrupted, and applies
  /// `settings`. Parent folders are made too. When it returns, the queue survives a power cut. A
  /// Maildir becomes a queue this way; nothing in it is touched. Throws Error; errc::bad_settings
  /// before anything is made.
  static Queue init(const std::filesystem::path& path,
                    const std::vector<SettingChange>& settings = {}, LogHandler log = {});

  /// The same with a folder of other programs, `inbox`, as new/: what they put there are messages,
  /// and what is given back appears there. The folder must exist, on the same mount; its owner and
  /// its mode stay as they are. Again with the same folder changes nothing. Throws as init();
  /// errc::bad_value for a folder that is a queue or part of one, EXDEV for one on another file
  /// system, ENOTEMPTY when the queue has messages in a new/ of its own, EEXIST when it has another
  /// inbox, EPERM for who is neither the owner of the queue's folder nor root.
  static Queue init_with_inbox(const std::filesystem::path& path,
                               const std::filesystem::path& inbox,
                               const std::vector<SettingChange>& settings = {},
                               LogHandler log = {});

  /// Opens an existing queue. Throws errc::not_a_queue, errc::unsupported_format,
  /// errc::unsafe_permissions, or the errno. A Maildir without spoolq.json opens with default
  /// settings for putting and looking; is_maildir() is then true.
  static Queue open(const std::filesystem::path& path, LogHandler log = {});

  /// Whether there are the settings of a queue in this directory, which may be damaged.
  [[nodiscard]] static bool is_queue(const std::filesystem::path& directory);

  /// The absolute path at which the queue was opened.
  [[nodiscard]] const std::string& path() const;
  /// A Maildir without spoolq.json: put, list, find and stats work; taking needs init().
  [[nodiscard]] bool is_maildir() const;

  /// All settings, in the order of docs/format.md, as text.
  [[nodiscard]] std::vector<SettingChange> settings() const;
  /// Sets all of `changes` or, throwing errc::bad_settings, none. Durable when it returns.
  /// Running consumers notice within five seconds.
  void configure(const std::vector<SettingChange>& changes);

  /// The messages in `state`, in order of delivery (ready), of due time (delayed), else by name;
  /// the first `limit` of them (0: all). No system call per message of spoolq's own.
  [[nodiscard]] std::vector<MessageInfo> list(State state, std::size_t limit = 0) const;

  /// Every message in `states` whose id starts or ends with `text` (four characters or more), or
  /// is the oldest or newest (`@oldest`, `@newest`). Throws errc::no_such_message when nothing
  /// matches, errc::ambiguous_id when several ids do.
  [[nodiscard]] MessageInfo find(std::string_view text, const std::vector<State>& states) const;

  /// The message's headers and failure reason, and its size where the name does not tell it.
  [[nodiscard]] MessageDetails details(const MessageInfo& message) const;

  /// Opens the payload for reading. Throws errc::no_such_message when the message has moved on.
  [[nodiscard]] Payload open_payload(const MessageInfo& message) const;
  /// Whether the payload is all there, as far as can be known: false for a file that another
  /// program has dropped into new/ in place and may still be writing, and for one that is gone.
  [[nodiscard]] bool is_complete(const MessageInfo& message) const;
  /// Gives the payload to `sink`, part by part. Its size and checksum are compared with the
  /// message's name at the end: errc::damaged, when all of it has been given; nothing is moved.
  /// Throws as open_payload(), and what `sink` throws.
  void read_payload(const MessageInfo& message,
                    const std::function<void(std::string_view)>& sink) const;

  /// Counts and ages, from one pass over each folder.
  [[nodiscard]] Stats stats() const;

  // The next three are durable when they return. With Sync::none they are so after sync(). They
  // throw errc::no_such_message when somebody else was first.

  /// failed/ → new/: attempts 0, reason dropped, the same id.
  void retry(const MessageInfo& message, Sync sync = Sync::durable);
  /// Moves a message into another queue. It keeps its id, its state, and all that was said of it.
  /// On one file system this is a rename; between two it is a copy, which is always durable: a
  /// crash in the middle may leave the message in both queues, then it is delivered twice, and it
  /// is never lost. Throws errc::claim_owned for a claimed message, errc::queue_full or
  /// errc::too_large for the target's limits, errc::headers_refused, EAGAIN for a file that is
  /// still being written, errc::indeterminate when it is in the target, but perhaps not after a
  /// power cut, errc::claim_lost when it was copied and another program has taken it here
  /// meanwhile.
  void move(const MessageInfo& message, Queue& target, Sync sync = Sync::durable);
  /// Claims a message of any state, so that this program alone copies it elsewhere and removes it.
  /// That is not an attempt. Throws errc::claim_owned for a claimed message, EAGAIN for a file that
  /// is still being written.
  [[nodiscard]] MoveOut move_out(const MessageInfo& message);
  /// Removes a message for good. Throws errc::claim_owned for a claimed message.
  void remove(const MessageInfo& message, Sync sync = Sync::durable);
  /// The same of a message in any state: a consumer that has claimed it gets errc::claim_lost.
  void remove_claimed(const MessageInfo& message, Sync sync = Sync::durable);
  /// Makes durable what was done with Sync::none before, puts and acks too, by one sync of the
  /// whole file system (syncfs(2)): for those who do many at once. After moves between file
  /// systems: the target first, then the source.
  void sync();

  /// The detached claim that `reference` names: the path that was printed when it was held (then
  /// exactly that claim or errc::claim_lost), or an id (whatever detached claim there is of it).
  /// Throws errc::claim_owned for a claim of a living consumer, errc::no_such_message.
  [[nodiscard]] DetachedClaim detached_claim(std::string_view reference) const;

  /// Stops the taking, by every consumer and across restarts, until resume(): claims that are held
  /// are finished as ever, and puts go on. Durable when it returns; again is no error. Whoever
  /// starts to take afterwards gets nothing; a take that is under way may still succeed.
  void pause();
  void resume();
  [[nodiscard]] bool paused() const;

  /// Takes back claims whose owner is dead, moves due messages, fails those whose time to live is
  /// over, removes what dead writers left in tmp/ and finished messages older than keep_done.
  /// Consumers do all this by themselves.
  ReapCounts reap();

 private:
  friend struct detail::QueueAccess;
  explicit Queue(std::shared_ptr<detail::OpenQueue> open) : open_{std::move(open)} {}
  std::shared_ptr<detail::OpenQueue> open_;
};

}  // namespace spoolq
