// Putting a message: from a file in tmp/ to a name in new/ or later/.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "queue/os/checksum.hpp"
#include "queue/store/draft.hpp"
#include "queue/store/limits.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

/// A message that is not published yet, in a draft file. Destroyed unpublished it removes that. One
/// thread at a time.
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

  [[nodiscard]] const MessageId& id() const { return destination_.name.id; }
  /// The file, for its attributes.
  [[nodiscard]] int descriptor() const { return draft_.descriptor(); }
  /// Where publish() puts it, with size and checksum of what was written.
  [[nodiscard]] const Destination& destination();
  /// Appends all of `bytes`. Throws errc::too_large or the errno; the message is then dropped.
  void write(std::string_view bytes);
  /// Syncs and publishes; see Draft::commit(). Returns where it is now.
  Location publish();
  /// Syncs the file and renames it into `directory`, which is no folder of messages, under its
  /// message's name; the caller that publishes it from there calls published() then. Throws the
  /// errno.
  std::string stage(int directory);
  void published() { allowance_.publish(); }

 private:
  enum class Id { fresh, copied };
  PendingMessage(OpenQueue& queue, Destination destination, Id id, Sync sync, std::uint64_t size);
  void sync_file();

  OpenQueue& queue_;
  Sync sync_;
  Destination destination_;
  Allowance allowance_;
  DraftFile draft_;
  Checksum checksum_;
  std::uint64_t size_ = 0;
};

}  // namespace spoolq::detail
