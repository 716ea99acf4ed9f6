// What can go wrong, in two questions: what happened (errc, or an errno), and is it worth trying
// again (the condition `temporary`).
#pragma once

#include <string>
#include <system_error>

#include "spoolq/export.hpp"

namespace spoolq {

/// What happened, where an errno does not say it.
enum class errc {
  not_a_queue = 1,     ///< No queue at that path, or a Maildir where a queue is needed.
  no_such_message,     ///< No message with that id or path in the queue.
  ambiguous_id,        ///< More than one message matches the abbreviated id.
  unsupported_format,  ///< spoolq.json has a format version this library does not know.
  bad_settings,        ///< A setting that does not exist, or a value it cannot have.
  bad_value,           ///< A message option that cannot be stored: too long, wrong characters.
  too_large,           ///< The payload is larger than the queue's max_size.
  queue_full,          ///< Refused: min_free, max_messages or max_bytes; nothing was accepted.
  headers_refused,     ///< The file system takes fewer extended attributes than were given.
  indeterminate,       ///< The message is visible, but may not survive a power cut.
  claim_lost,          ///< The claim is no longer ours: taken back, or already finished.
  claim_owned,         ///< The claim belongs to a living consumer; nobody else may finish it.
  damaged,             ///< Size or checksum of the payload do not match the message's name.
  condemned,           ///< An earlier write or sync of this draft or handle failed; open it again.
  foreign_process,     ///< The handle was made before fork() and belongs to the parent.
  unsafe_permissions,  ///< The folder can be written by everybody.
};

/// What to do about it. `error.code() == spoolq::condition::temporary` holds for errors after
/// which nothing was written and the same call may succeed later: queue_full, ENOSPC, EDQUOT,
/// EMFILE, ENFILE, ENOMEM, EAGAIN.
enum class condition { temporary = 1 };

SPOOLQ_EXPORT const std::error_category& error_category() noexcept;
SPOOLQ_EXPORT const std::error_category& condition_category() noexcept;
SPOOLQ_EXPORT std::error_code make_error_code(errc code) noexcept;
SPOOLQ_EXPORT std::error_condition make_error_condition(condition code) noexcept;

/// Every error this library throws. what() reads "OPERATION PATH: REASON".
class SPOOLQ_EXPORT Error : public std::system_error {
 public:
  Error(std::error_code code, std::string operation, std::string path, std::string detail = {});

  /// What was being done: "rename", "fsync", "open", …
  [[nodiscard]] const std::string& operation() const noexcept { return operation_; }
  /// What it was done to. Any bytes a file name can have; escape it before showing it.
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// More about the reason and what to do, or empty.
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
  [[nodiscard]] const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string operation_;
  std::string path_;
  std::string detail_;
  std::string text_;
};

}  // namespace spoolq

template <>
struct std::is_error_code_enum<spoolq::errc> : std::true_type {};
template <>
struct std::is_error_condition_enum<spoolq::condition> : std::true_type {};
