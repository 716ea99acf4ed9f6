// A message where it lies.
#pragma once

#include <string>

#include "queue/format/message_name.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// A message in a folder: its exact name there, and what the name says.
struct StoredMessage {
  Folder folder = Folder::ready;
  std::string file;
  MessageName name;
  /// Whether its file may have other names, which are dropped before the message ends.
  bool linked = false;
};

/// Opens a message's file for reading without following links or waiting for a FIFO's writer.
/// Throws the errno; ENOENT is the caller's to understand.
UniqueFd open_message(OpenQueue& queue, Folder folder, const std::string& file);

}  // namespace spoolq::detail
