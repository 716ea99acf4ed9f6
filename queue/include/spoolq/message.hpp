// What is known of a message: its id, its options at put, its state.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "spoolq/export.hpp"

namespace spoolq {

/// Times of messages: the system clock in milliseconds, as they stand in file names.
using Time = std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds>;
using Duration = std::chrono::milliseconds;

/// A message's identity: a UUID (RFC 9562), version 7 when spoolq made it, version 8 when it was
/// derived from a file that another program dropped. It stays the same over retries. Ids of one
/// process compare in the order they were made, also within a millisecond.
class SPOOLQ_EXPORT MessageId {
 public:
  MessageId() = default;
  explicit MessageId(const std::array<std::uint8_t, 16>& bytes) : bytes_{bytes} {}

  /// Reads the 36 characters of a lower-case UUID of version 7 or 8; nullopt for anything else.
  static std::optional<MessageId> parse(std::string_view text);
  /// The id in the name of a message's file, at the end of `path` (docs/format.md, "Names");
  /// nullopt for any other file. Asks no file system.
  static std::optional<MessageId> from_path(std::string_view path);
  /// The 36 characters.
  [[nodiscard]] std::string to_string() const;
  /// When the message was put (version 7) or its file last written (version 8).
  [[nodiscard]] Time time() const;
  [[nodiscard]] const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }

  auto operator<=>(const MessageId&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

/// Writes the 36 characters. For fmt there is spoolq/fmt.hpp.
SPOOLQ_EXPORT std::ostream& operator<<(std::ostream& out, const MessageId& id);

/// Where a message is. Each state is a folder of the queue.
enum class State {
  ready,    ///< new/
  claimed,  ///< cur/
  delayed,  ///< later/
  failed,   ///< failed/
  done,     ///< done/, only where keep_done is set
};
SPOOLQ_EXPORT std::string_view to_string(State state);
SPOOLQ_EXPORT std::optional<State> parse_state(std::string_view text);

/// Headers given by the user, kept as extended attributes `user.spoolq.NAME`. Names:
/// [a-z0-9][a-z0-9._-]*, at most 64 characters, not `name` or `reason`; together at most 2 KiB.
using Headers = std::map<std::string, std::string>;
/// What the names of all extended attributes of spoolq begin with.
inline constexpr std::string_view kAttributePrefix = "user.spoolq.";

/// When a call has told its promise to the disk.
enum class Sync {
  durable,  ///< The message, or its end, survives a power cut once the call has returned.
  none,     ///< Nothing is synced: survives the death of the process, not of the machine.
};

/// What a producer may say of a message. Give only what differs: `{.priority = 2}`.
struct PutOptions {
  int priority = 5;                        ///< 0 (served first) to 9.
  Duration delay{0};                       ///< Not before this long from now.
  std::optional<Time> due{};               ///< Not before this time; instead of `delay`.
  std::optional<Duration> time_to_live{};  ///< Not delivered later than this after the put.
  std::string key{};                       ///< Carried, shown and selectable; any bytes.
  std::string type{};                      ///< Content type.
  std::string name{};                      ///< Original file name; shortened where it does not fit.
  Headers headers{};
  Sync sync = Sync::durable;
};

/// Why a message was given up, or why its last run failed.
struct Reason {
  std::string text{};
  std::optional<int> exit_code{};
  std::optional<int> signal{};
  std::string error_output{};  ///< The end of the job's standard error.
  std::string host{};          ///< Where it was given up; filled in by the library when empty.
  std::string consumer{};      ///< By whom; filled in by the library when empty.
};

/// What a message's file name and folder tell. Needs no system call per message.
struct MessageInfo {
  MessageId id;
  State state = State::ready;
  int priority = 5;
  unsigned attempts = 0;              ///< Attempts begun.
  std::optional<std::uint64_t> size;  ///< Payload bytes; empty for a file of others.
  std::optional<Time> due;            ///< Delayed messages.
  std::optional<Time> expires;        ///< End of the time to live.
  std::string key;
  std::string type;
  /// Original file name. Where it did not fit into the file's name, a list has its beginning only;
  /// a claim and Queue::details() have all of it.
  std::string name;
  bool name_may_be_cut = false;     ///< `name` may be such a beginning.
  std::string consumer;             ///< Claimed messages: who holds it.
  std::optional<Time> lease_until;  ///< Detached claims.
  std::string path;                 ///< The file, from the queue's path on.

  /// When it was put.
  [[nodiscard]] Time enqueued() const { return id.time(); }
  /// How long ago that was at `at`; 0 for a clock that was ahead then.
  [[nodiscard]] Duration age(Time at) const { return std::max(at - enqueued(), Duration{0}); }
};

/// What is known of one message when its file is asked too.
struct MessageDetails {
  MessageInfo info;
  Headers headers;
  std::optional<Reason> reason;  ///< Failed messages, and others whose last run failed.
};

}  // namespace spoolq

/// For std::unordered_map and the like. The last eight bytes of an id are random.
template <>
struct std::hash<spoolq::MessageId> {
  std::size_t operator()(const spoolq::MessageId& id) const noexcept {
    std::size_t value = 0;
    for (std::size_t i = 8; i < id.bytes().size(); ++i) value = value << 8U | id.bytes()[i];
    return value;
  }
};
