// Putting messages into a queue.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "spoolq/export.hpp"
#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"

namespace spoolq {

/// A message being written, in tmp/, where no consumer looks.
///
/// Write the payload, then commit(): the message appears in new/ (or later/) whole or not at all,
/// and once commit() has returned it survives a power cut. A Draft destroyed uncommitted removes
/// its file; after a crash the next sweep does. One thread at a time.
class SPOOLQ_EXPORT Draft {
 public:
  Draft(Draft&&) noexcept;
  Draft& operator=(Draft&&) noexcept;
  ~Draft();

  /// The id the message will have.
  [[nodiscard]] MessageId id() const;

  /// Appends all of `bytes`. Throws Error (operation, path, errno), errc::too_large; the draft is
  /// then dead: nothing was published and nothing will be.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view bytes);

  /// Publishes the message and returns its id. When it throws, the message was not accepted: it is
  /// not in new/, though after a failed sync and a power cut it may reappear. The one exception is
  /// errc::indeterminate: it is visible, and may not survive a power cut. Call it once.
  MessageId commit();

 private:
  friend class Producer;
  class Impl;
  explicit Draft(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Puts messages into a queue. All members may be called from several threads at once; puts in
/// flight together share their directory sync. After a failed sync the kernel may have dropped
/// what it could not write and call the next sync a success, so the first failure condemns the
/// Producer: later puts throw errc::condemned until it is opened again.
class SPOOLQ_EXPORT Producer {
 public:
  /// Opens the queue at `path`; throws as Queue::open.
  explicit Producer(const std::filesystem::path& path, LogHandler log = {});
  explicit Producer(Queue queue);
  /// Puts one message. Once it has returned (with Sync::durable), the message is on disk, whole,
  /// and will be delivered at least once. Throws Error: errc::bad_value, errc::too_large,
  /// errc::queue_full, errc::headers_refused, an errno (nothing was accepted), errc::indeterminate.
  MessageId put(std::string_view payload, const PutOptions& options = {});
  MessageId put(std::span<const std::byte> payload, const PutOptions& options = {});
  /// Puts all that `payload` gives until its end, in constant memory. A stream that goes bad
  /// throws EIO and nothing is put.
  MessageId put(std::istream& payload, const PutOptions& options = {});

  /// Starts a message that is written in parts. The delay and the time to live count from here.
  /// When the payload's `size` in bytes is given, the limits of the queue are checked for it here,
  /// before anything is written; otherwise as it grows. Throws as put().
  [[nodiscard]] Draft draft(const PutOptions& options = {},
                            std::optional<std::uint64_t> size = std::nullopt);

  /// The queue that is open here.
  [[nodiscard]] Queue queue() const { return queue_; }

 private:
  Queue queue_;
};

}  // namespace spoolq
