// Holding a claim in a process that outlives its consumer.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>

#include "queue/format/message_id.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// Everything is prepared by the constructor: the rest allocates nothing and throws nothing.
class ClaimHeir {
 public:
  static constexpr int kDescriptors = 3;

  /// Of the message with this id and inode.
  ClaimHeir(OpenQueue& queue, const Registration& registration, const MessageId& id, ino_t inode);

  bool move_to(int first) noexcept;
  bool take_over() noexcept;

 private:
  /// In this order: the two of Registration::duplicate(), and cur/.
  enum { kFile, kConsumers, kClaimed };

  /// Gives the claim to `heir_`; the errno, ENOENT when there is no such claim any more.
  [[nodiscard]] int rename_claim() noexcept;

  Sys& sys_;
  std::string id_;
  ino_t inode_;
  std::string owner_;  ///< ",C=" and the consumer.
  NewConsumer heir_;
  std::array<UniqueFd, kDescriptors> fds_;
};

}  // namespace spoolq::detail
