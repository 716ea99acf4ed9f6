// Where a message lies, and where it is to go.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "queue/format/message_name.hpp"
#include "queue/store/folders.hpp"

namespace spoolq::detail {

/// The place of a file in a queue: a value that only the store takes apart. The file may have moved
/// on since.
class Location {
 public:
  Location() = default;
  Location(Folder folder, std::string file) : folder_{folder}, file_{std::move(file)} {}

  [[nodiscard]] Folder folder() const { return folder_; }
  /// The file's name, for logs and for the order of a listing.
  [[nodiscard]] const std::string& file() const { return file_; }
  /// The state of the messages there.
  [[nodiscard]] State state() const { return state_of(folder_); }
  bool operator==(const Location&) const = default;

 private:
  Folder folder_ = Folder::ready;
  std::string file_;
};

/// A message, what its name says, and where it was when the store looked.
struct StoredMessage {
  Location at;
  MessageName name;
  std::optional<Time> due{};  ///< In State::delayed.
  bool is_named = true;       ///< False for a foreign file, whose name here is derived.
  /// Whether its file may have other names, which are dropped before the message ends.
  bool linked = false;
};

/// Where a message's file is to go. `due` is set for State::delayed only.
struct Destination {
  State state = State::ready;
  MessageName name;
  std::optional<Time> due;

  [[nodiscard]] std::string file() const {
    return due ? format_delayed_name(*due, name) : format_name(name);
  }
};

/// What a full disk may cost: `give` lets the rename have the ballast's blocks.
enum class Ballast { keep, give };

}  // namespace spoolq::detail
