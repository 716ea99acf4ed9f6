// The oracle of the crash tests: compares what was promised with what is there.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "tests/crash/ledger.hpp"

namespace spoolq::test {

enum class Fault {
  lost,        ///< put() returned, no ack() was begun, and the message is gone.
  torn,        ///< A message is visible, or was delivered, with wrong bytes.
  acked_back,  ///< ack() returned, and the message is there or was delivered again.
  duplicated,  ///< Two names for one id, or two living consumers with one message.
  unexpected,  ///< Anything else that must not be.
};
const char* to_string(Fault fault);

struct Finding {
  Fault fault = Fault::unexpected;
  MessageId id;
  std::string what;
};

/// A file in one of the folders where messages are.
struct Sighting {
  std::string folder;
  std::string file;
  std::optional<MessageId> id;  ///< Nothing when the name is not a message's.
  std::string damage;           ///< How the content differs from the id's payload, or empty.
};

/// Everything that is visible in a queue, read without the library's help but for the names.
struct Snapshot {
  std::vector<Sighting> files;
  std::size_t pending = 0;  ///< Files in tmp/, which nobody promised anything about.
};
Snapshot look_at(const std::string& queue);

/// Reads a ledger in its order and keeps what it knows of each message.
class Judge {
 public:
  explicit Judge(const Ledger& ledger) : ledger_{ledger} {}

  /// Reads the events since the last call. Nobody may be writing.
  void read();
  /// Every worker is gone, and with them what only memory knew.
  void power_was_cut();
  /// Holds `snapshot` against the promises.
  void compare(const Snapshot& snapshot);
  /// After a power cut what is on the disk is settled: what was in doubt is from now on expected to
  /// stay as `snapshot` shows it.
  void settle(const Snapshot& snapshot);
  /// Whether a retry was begun since the message last failed. A retry removes the reason first, and
  /// a process or the machine may die before the rename.
  [[nodiscard]] bool retry_begun(const MessageId& id) const;
  /// Something that the caller found.
  void add(Fault fault, const MessageId& id, std::string what);
  /// Forgets all messages, not the counts, when the ledger was cleared.
  void forget();

  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  /// "lost 0, torn 0, …".
  [[nodiscard]] std::string verdict() const;
  /// "412 puts, 380 acks, …".
  [[nodiscard]] std::string counts() const;
  [[nodiscard]] std::uint64_t puts() const { return puts_; }
  [[nodiscard]] std::uint64_t acks() const { return acks_; }
  /// The first findings with the messages' histories, for people.
  [[nodiscard]] std::string describe(std::size_t limit = 10) const;

 private:
  struct Message {
    bool accepted = false;     // put returned
    bool acked = false;        // ack returned
    int acks_open = 0;         // started, neither returned nor refused
    bool retried = false;      // since the last fail started
    bool failed = false;       // fail returned, not retried
    bool detached = false;     // not_before comes from a lease
    bool delivered = false;    // at least once
    std::uint32_t holder = 0;  // the living worker that has it; 0: nobody
    std::int64_t not_before = 0;
    std::int64_t orphaned = 0;  // when its holder was killed
  };
  struct Hash {
    std::size_t operator()(const MessageId& id) const;
  };

  void read_event(const Event& event);
  void read_claim(const Event& event, Message& message);

  const Ledger& ledger_;
  std::size_t next_ = 0;
  std::unordered_map<MessageId, Message, Hash> messages_;
  std::unordered_map<std::uint32_t, std::unordered_set<MessageId, Hash>> held_;
  std::unordered_set<std::uint32_t> dead_;
  std::vector<Finding> findings_;
  std::uint64_t puts_ = 0;
  std::uint64_t acks_ = 0;
  std::uint64_t claims_ = 0;
  std::uint64_t redelivered_ = 0;
  std::uint64_t released_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t detached_ = 0;
  std::uint64_t recovered_ = 0;
  std::uint64_t orphans_ = 0;
  std::int64_t orphaned_max_ = 0;
};

}  // namespace spoolq::test
