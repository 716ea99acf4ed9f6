// Making message ids: UUID version 7 for our own messages, version 8 for files of strangers.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "spoolq/message.hpp"

namespace spoolq::detail {

/// Makes version 7 ids that sort in the order they were made, also within a millisecond and when
/// the clock steps back (RFC 9562, 6.2, method 1: a counter in rand_a). The 62 bits after the
/// variant are fresh from the kernel each time, so a forked child cannot repeat its parent.
class MessageIdSource {
 public:
  /// The next id; `now` is the system clock. Any thread.
  MessageId next(Time now);

 private:
  std::mutex mutex_;
  std::int64_t last_ms_ = 0;
  unsigned counter_ = 0;
};

/// The source that all producers of a process share, because the order holds for the process.
MessageIdSource& process_message_ids();

/// A random UUID version 4's worth of identity for a queue.
MessageId random_queue_id();

/// 64 random bits from the kernel as 16 hex digits.
std::string random_token();

/// What tells a file from all others, also from an earlier one with the same inode number.
struct FileIdentity {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  Time modified{};
  std::optional<std::int64_t> born_ns{};  ///< Time of birth, ns since 1970, where it is kept.
};

/// The version 8 id of a file that is no message of ours, as docs/format.md defines it. Its time is
/// the earlier one of birth and modification.
MessageId derive_message_id(const MessageId& queue_id, const FileIdentity& file,
                            std::string_view name);
/// The same for what other programs keep the exact time of, which is then the id's: the 12 bits
/// after the version are the microseconds below the millisecond, so that such ids sort by them.
MessageId derive_message_id(const MessageId& queue_id, const FileIdentity& file,
                            std::string_view name, Time time, unsigned microseconds);

}  // namespace spoolq::detail
