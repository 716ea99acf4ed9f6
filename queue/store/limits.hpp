// How much a queue may hold: the settings max_messages and max_bytes.
//
// What is there is counted by a scan of new/, later/ and cur/, at most once a second while there is
// room; in between, our own puts are added. A put is refused only right after a scan. So one
// producer is exact, and several together may overshoot by what the others put within a second.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>

#include "spoolq/message.hpp"

namespace spoolq::detail {

class OpenQueue;

/// Messages and the bytes of their payloads.
struct Load {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// Throws errc::too_large for a payload of so many bytes.
void require_max_size(const OpenQueue& queue, std::uint64_t bytes);

/// What an open queue knows of what is in it. Any thread.
class Occupancy {
 private:
  friend class Allowance;

  std::mutex mutex_;
  std::optional<Duration> counted_at_;  ///< On CLOCK_BOOTTIME. Empty: never.
  Load counted_;                        ///< By that scan.
  Load added_;                          ///< Published by us since.
  Load pending_;                        ///< Allowed and not published.
};

/// A message's share of the limits, from before it is written until it is in the queue. One thread.
class Allowance {
 public:
  /// Throws errc::queue_full, naming the limit, when a message of `bytes` would exceed one; without
  /// limits nothing is counted.
  Allowance(OpenQueue& queue, std::uint64_t bytes);
  Allowance(const Allowance&) = delete;
  Allowance& operator=(const Allowance&) = delete;
  /// Gives the share back, unless the message was published.
  ~Allowance();

  /// The message turns out to have so many bytes. Throws as the constructor.
  void grow_to(std::uint64_t bytes);
  /// The message is in the queue.
  void publish();

 private:
  void require(const Load& more);

  OpenQueue& queue_;
  Load share_;
};

}  // namespace spoolq::detail
