// What the crash tests write down outside the disk that crashes: every start and every return of a
// call, by all processes, in one order.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "spoolq/message.hpp"

namespace spoolq::test {

/// "started" is written before the call, "returned" after it came back without an error: only then
/// has it promised something.
enum class What : std::uint32_t {
  nothing,  ///< A slot whose writer was killed before it had filled it.
  put_started,
  put_returned,
  claimed,  ///< A consumer was handed the message.
  ack_started,
  ack_returned,
  ack_refused,  ///< The claim was over before: this ack did nothing.
  release_started,
  release_returned,
  fail_started,
  fail_returned,
  detach_started,
  detach_returned,
  retry_started,
  torn,     ///< A consumer was handed wrong bytes.
  trouble,  ///< Something that must not happen; its writer has said what on standard error.
  killed,   ///< The worker is about to be killed: what it holds may go to others from here on.
};
const char* to_string(What what);

struct Event {
  What what = What::nothing;
  std::uint32_t worker = 0;
  MessageId id;
  std::int64_t time = 0;   ///< ms since 1970.
  std::int64_t value = 0;  ///< The time before which the message must not be delivered, or 0.
};

/// A shared mapping that forked processes append to. An event that was complete before another
/// began stands before it. A process killed in the middle leaves an empty slot.
class Ledger {
 public:
  Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();

  /// Appends an event. While the power is off this call does not return, unless the workers are
  /// survivors: a machine without power promises nothing.
  void record(std::uint32_t worker, What what, const MessageId& id = {}, std::int64_t value = 0);
  /// Does not return while the power is off, unless the workers are survivors.
  void stop_without_power() const;

  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] Event at(std::size_t index) const;
  /// Forgets all events. Nobody may be writing.
  void clear();

  /// Set before the disk goes, so that no promise can be written after it went.
  void set_power(bool on);
  [[nodiscard]] bool power() const;
  /// Survivors go on after the disk has gone, and what they are promised then counts.
  void set_survivors(bool survivors);
  [[nodiscard]] bool survivors() const;
  /// Consumers that empty the queue: all they do is ack.
  void set_emptying(bool emptying);
  [[nodiscard]] bool emptying() const;

  /// Errors that were reported to survivors.
  void count_error();
  [[nodiscard]] std::uint64_t errors() const;
  /// Messages put and not acked yet, about.
  [[nodiscard]] std::int64_t backlog() const;

  /// The events of one message, a line each.
  [[nodiscard]] std::string history(const MessageId& id) const;

 private:
  struct Header;
  struct Slot;

  void* memory_ = nullptr;
  Header* header_ = nullptr;
  Slot* slots_ = nullptr;
};

/// The system clock in milliseconds since 1970.
std::int64_t now_ms();

/// The payload that belongs to an id: 0 to 200 KiB of bytes that no other id has.
std::string payload_of(const MessageId& id);

}  // namespace spoolq::test
