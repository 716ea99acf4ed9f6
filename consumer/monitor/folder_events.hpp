// Renames, deletions and arrivals in the folders of messages, as inotify(7) tells them.
//
// A rename comes as two events with one cookie, the source's first. Both are queued while the
// kernel holds the locks of the two folders, but another event may come between them, and the
// reader may be quicker than the second. So a source without a target waits for it: reading a name
// of the source folder needs that folder's lock, and once we had it the second event is there, or
// never will be: the file went to where we do not look.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "queue/os/inotify.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

struct Place {
  State state = State::ready;
  std::string file;
};

/// One change. Without `from` the file came from outside, without `to` it was deleted or went
/// there.
struct FolderChange {
  std::optional<Place> from{};
  std::optional<Place> to{};
  bool created = false;   ///< Made in place: a link, or a file that is not complete.
  bool written = false;   ///< Its writer closed it.
  bool overflow = false;  ///< Not a change: there were others, which the kernel dropped.
};

/// One inotify descriptor over all folders of messages that the queue has. One thread.
class FolderEvents {
 public:
  /// Begins to watch. Where inotify is not to be had (reported), or reaches only one of several
  /// machines, watching() is false and nothing is ever told.
  explicit FolderEvents(OpenQueue& queue);

  [[nodiscard]] bool watching() const { return inotify_.is_open(); }
  /// Something is read in part: collect() again before waiting.
  [[nodiscard]] bool half_read() const { return !held_.empty(); }
  /// Readable when there is something to collect; -1 while not watching.
  [[nodiscard]] int descriptor() const { return inotify_.descriptor(); }

  /// What has happened since the last call, without waiting; the changes of one file in their
  /// order. Throws errc::not_a_queue when a folder was removed.
  std::vector<FolderChange> collect();

 private:
  bool watch_folders();
  void read_queued(std::vector<FolderChange>& changes);
  void read_event(const InotifyEvent& event, std::vector<FolderChange>& changes);
  void add(std::vector<FolderChange>& changes, const InotifyEvent& event, State state);
  void drop_halves();
  void pass_barrier(const std::set<State>& folders) const;
  void require_folders() const;

  OpenQueue& queue_;
  Inotify inotify_;
  std::map<int, State> watches_;
  int root_watch_ = -1;
  bool overflow_ = false;                      ///< The kernel has dropped events.
  bool dropping_ = false;                      ///< What is read is not told.
  std::vector<FolderChange> held_;             ///< Changes from a source on that has no target yet.
  std::map<std::uint32_t, std::size_t> open_;  ///< Such sources, by cookie.
};

}  // namespace spoolq::detail
