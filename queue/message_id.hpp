// Making message ids: UUID version 7 for our own messages, version 8 for files of strangers.
#pragma once

#include <cstdint>
#include <mutex>
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

/// The version 8 id of a file that is no message of ours, as docs/format.md defines it.
MessageId derive_message_id(const MessageId& queue_id, std::uint64_t inode, std::uint64_t size,
                            Time modified, std::string_view name);
/// The same for what other programs keep the exact time of: the 12 bits after the version are the
/// microseconds below the millisecond, so that such ids sort by them.
MessageId derive_message_id(const MessageId& queue_id, std::uint64_t inode, std::uint64_t size,
                            Time modified, std::string_view name, unsigned microseconds);

}  // namespace spoolq::detail
