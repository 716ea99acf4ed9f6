// Publishing what put has written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/files/file.hpp"
#include "cli/output/print.hpp"
#include "spoolq/producer.hpp"

namespace spoolq::cli {

enum class PutSync { durable, file_system, none };

/// How messages are put.
struct Publishing {
  PutOptions options{};  ///< Its `sync` is not used.
  bool named = false;    ///< options.name was given, so it is not taken from the file.
  PutSync sync = PutSync::durable;
};

/// Publishes drafts and prints each id as soon as its message is as durable as was asked for.
class Publisher {
 public:
  Publisher(const std::string& queue, const Publishing& publishing, Console& console);

  [[nodiscard]] Draft draft(const std::string& file_name,
                            std::optional<std::uint64_t> size = std::nullopt);
  void publish(Draft draft);
  /// Whether messages wait for a sync.
  [[nodiscard]] bool waits() const { return !group_.empty(); }
  /// Publishes the messages that wait for a sync.
  void flush();

 private:
  MessageId commit(Draft& draft);
  void complain_indeterminate(const MessageId& id) const;
  /// Prints the ids of what is put by now.
  void print(const std::vector<MessageId>& ids);

  const Publishing& publishing_;
  Console& console_;
  Queue queue_;
  File directory_;
  Producer producer_;
  std::vector<Draft> group_;
};

}  // namespace spoolq::cli
