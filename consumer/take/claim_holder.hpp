// The inside of a ClaimHolder.
#pragma once

#include <sys/types.h>

#include <array>
#include <string>

#include "queue/format/message_id.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/open_queue.hpp"
#include "spoolq/consumer.hpp"

namespace spoolq {

/// Everything is prepared by the constructor: the rest allocates nothing and throws nothing.
class [[gnu::visibility("hidden")]] ClaimHolder::Impl {
 public:
  /// Of the message with this id and inode.
  Impl(detail::OpenQueue& queue, const detail::Registration& registration, const MessageId& id,
       ino_t inode);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  bool move_to(int first) noexcept;
  bool take_over() noexcept;

 private:
  /// In this order: the two of Registration::duplicate(), and cur/.
  enum { kFile, kConsumers, kClaimed };

  void close(int& fd) noexcept;
  /// Gives the claim to `heir_`; the errno, ENOENT when there is no such claim any more.
  [[nodiscard]] int rename_claim() noexcept;

  detail::Sys& sys_;
  std::string id_;
  ino_t inode_;
  std::string owner_;  ///< ",C=" and the consumer.
  detail::NewConsumer heir_;
  std::array<int, kDescriptors> fds_{-1, -1, -1};
};

}  // namespace spoolq
