// Putting a message: from a file in tmp/ to a name in new/ or later/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "queue/checksum.hpp"
#include "queue/fork_guard.hpp"
#include "queue/message_name.hpp"
#include "queue/open_queue.hpp"

namespace spoolq::detail {

/// A message that is not published yet: a locked file in tmp/. The lock tells the sweep that its
/// writer lives. Destroyed unpublished it removes its file. One thread at a time.
class PendingMessage {
 public:
  /// Checks the options and the space, and makes the file. Throws errc::bad_value,
  /// errc::queue_full, errc::headers_refused, errc::condemned or the errno.
  PendingMessage(OpenQueue& queue, const PutOptions& options);
  PendingMessage(const PendingMessage&) = delete;
  PendingMessage& operator=(const PendingMessage&) = delete;
  ~PendingMessage();

  [[nodiscard]] const MessageId& id() const { return name_.id; }
  /// Appends all of `bytes`. Throws errc::too_large or the errno; the message is then dropped.
  void write(std::string_view bytes);
  /// Syncs and publishes; see Draft::commit().
  void publish();

 private:
  void create_file();
  void drop();
  [[noreturn]] void publication_failed(const std::string& file);

  OpenQueue& queue_;
  ProcessMark process_;
  Sync sync_;
  MessageName name_;
  std::optional<Time> due_;
  std::string file_;  ///< The name in tmp/; empty once published or dropped.
  LockFd fd_;
  Checksum checksum_;
  std::uint64_t size_ = 0;
};

}  // namespace spoolq::detail
