// Claims that are not for work: of messages that are copied or moved elsewhere.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "queue/lifecycle/transitions.hpp"
#include "queue/os/fork_guard.hpp"
#include "queue/store/mover.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// A message that is claimed, whatever its state, while this process copies or moves it elsewhere.
/// Released to where it was, unless it was removed or has left; not in a forked child. One thread.
class MoveClaim {
 public:
  /// Claims it. Throws EAGAIN for a file that its writer has open again; it is released then.
  MoveClaim(OpenQueue& queue, const StoredMessage& message);
  MoveClaim(const MoveClaim&) = delete;
  MoveClaim& operator=(const MoveClaim&) = delete;
  ~MoveClaim() { release(); }

  /// Another process was first, it is no file, or the claim is over.
  [[nodiscard]] bool gone() const { return !message_; }
  /// As it is called in cur/.
  [[nodiscard]] const StoredMessage& message() const { return *message_; }
  /// Removes it for good. False when the claim is lost.
  bool remove(Sync sync);
  /// It was renamed to another place: nothing is left to release.
  void leave() { message_.reset(); }
  /// Puts it back where it was, under the name that it had.
  void release() noexcept;

 private:
  void inspect();
  void inspect_foreign(const StoredMessage& before);

  OpenQueue& queue_;
  ProcessMark process_;
  std::shared_ptr<Mover> mover_;
  Location before_;  ///< Where it was.
  std::optional<StoredMessage> message_;
};

/// A file in new/ that another program wrote: its name may be another file's next, and its writer
/// may open it again.
bool is_foreign(const StoredMessage& message);
/// Whether such a file is all there, as far as can be known.
bool is_complete(OpenQueue& queue, const StoredMessage& message);

}  // namespace spoolq::detail
