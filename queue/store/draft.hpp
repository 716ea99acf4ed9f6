// Files in tmp/: messages that are being written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "queue/os/fork_guard.hpp"
#include "queue/store/stored_message.hpp"

namespace spoolq::detail {

class OpenQueue;

/// A new, locked file in tmp/. Its lock tells the sweep that its writer lives. Destroyed before it
/// is published, it is removed. One thread.
class DraftFile {
 public:
  /// Its name has `id`, which no other file in tmp/ may have, or without it an id of its own.
  /// Throws the errno; EAGAIN if each file was swept before it was locked.
  DraftFile(OpenQueue& queue, int priority, const std::optional<MessageId>& id);
  DraftFile(const DraftFile&) = delete;
  DraftFile& operator=(const DraftFile&) = delete;
  ~DraftFile() { drop(); }

  [[nodiscard]] int descriptor() const { return fd_.get(); }
  /// False once it was published or dropped.
  [[nodiscard]] bool is_there() const { return !file_.empty(); }
  [[nodiscard]] std::string path() const;
  /// Renames it to its destination: Store::move(). Throws the errno.
  StoredMessage publish(const Destination& to, Ballast ballast);
  /// Renames it to `name` in a directory that is no folder of messages. Throws the errno.
  void stage(int directory, const std::string& name);
  /// Removes it. Not in a forked child.
  void drop();

 private:
  bool create(const std::string& file);

  OpenQueue& queue_;
  ProcessMark process_;
  std::string file_;
  LockFd fd_;
};

/// Removes what dead writers left in tmp/; the number of files.
std::uint64_t sweep_drafts(OpenQueue& queue);

}  // namespace spoolq::detail
