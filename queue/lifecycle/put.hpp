// Putting a message: from a file in tmp/ to a name in new/ or later/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "queue/os/checksum.hpp"
#include "queue/os/fork_guard.hpp"
#include "queue/store/limits.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {

/// A message that is not published yet: a locked file in tmp/. The lock tells the sweep that its
/// writer lives. Destroyed unpublished it removes its file. One thread at a time.
class PendingMessage {
 public:
  /// Checks the options, the limits and the space, and makes the file. With `size` the limits are
  /// checked for that many bytes, else only as they are written. Throws errc::bad_value,
  /// errc::queue_full, errc::too_large, errc::headers_refused, errc::condemned or the errno.
  PendingMessage(OpenQueue& queue, const PutOptions& options, std::optional<std::uint64_t> size);
  /// A copy of a message of `size` bytes that is to keep its name.
  PendingMessage(OpenQueue& queue, Destination destination, std::uint64_t size);
  PendingMessage(const PendingMessage&) = delete;
  PendingMessage& operator=(const PendingMessage&) = delete;
  ~PendingMessage();

  [[nodiscard]] const MessageId& id() const { return destination_.name.id; }
  /// The file, for its attributes.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Where publish() puts it, with size and checksum of what was written.
  [[nodiscard]] const Destination& destination();
  /// Appends all of `bytes`. Throws errc::too_large or the errno; the message is then dropped.
  void write(std::string_view bytes);
  /// Syncs and publishes; see Draft::commit(). Returns the name it has now.
  std::string publish();
  /// Syncs the file and renames it into `directory`, which is no folder of messages, under its
  /// message's name; whoever publishes it from there calls published() then. Throws the errno.
  std::string stage(int directory);
  void published() { allowance_.publish(); }

 private:
  enum class Id { fresh, copied };
  PendingMessage(OpenQueue& queue, Destination destination, Id id, Sync sync, std::uint64_t size);
  void create_file(Id id);
  void sync_file();
  void drop();

  OpenQueue& queue_;
  ProcessMark process_;
  Sync sync_;
  Destination destination_;
  Allowance allowance_;
  std::string file_;  ///< The name in tmp/; empty once published or dropped.
  LockFd fd_;
  Checksum checksum_;
  std::uint64_t size_ = 0;
};

}  // namespace spoolq::detail
