// Files in new/ that spoolq did not name (docs/format.md, "Files that others drop into new/").
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string_view>

#include "queue/format/message_id.hpp"
#include "queue/format/message_name.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// What an entry of new/ is, as far as its name and type tell.
enum class EntryKind {
  message,       ///< A name of ours.
  foreign,       ///< A regular file of another program.
  left_alone,    ///< Not to be touched: temporary names, directories.
  not_a_message  ///< A link, FIFO, socket or device: to bad/, unopened.
};

/// `type` is a DT_ value; DT_UNKNOWN asks the file system.
EntryKind classify(OpenQueue& queue, std::string_view name, unsigned char type);

/// SECONDS.UNIQUE.HOST with an optional info part, as maildir(5) describes it. Such names are made
/// by delivery agents, which write elsewhere and link or rename here.
bool is_maildir_name(std::string_view name);

/// A name under which browsers, editors and copy programs write what is not finished, or a hidden
/// one.
bool is_temporary_name(std::string_view name);

/// Whether times of birth on this file system stay what they are: overlayfs makes a new one when it
/// copies a file up.
bool keeps_birth_times(const FileSystemInfo& file_system);
/// In milliseconds, as names have it.
Time time_of(const struct timespec& time);
/// What statx(2) told of a file. `born` zero: not kept.
FileIdentity identity_of(const struct stat& status, const struct timespec& born);

/// The name that a stranger's file has as a message, derived from its identity.
MessageName derive_name(const OpenQueue& queue, std::string_view file,
                        const FileIdentity& identity);
/// Store::has_writer() in any directory.
std::optional<bool> has_writer(Sys& sys, int directory, const std::string& file);

/// Asks about the writers of a file that is open for reading. As long as it lives after the answer
/// was that there are none, who opens the file for writing has to wait (but not longer than
/// /proc/sys/fs/lease-break-time says).
class WriterHold {
 public:
  WriterHold(Sys& sys, int fd) : sys_{sys}, fd_{fd} {}
  WriterHold(const WriterHold&) = delete;
  WriterHold& operator=(const WriterHold&) = delete;
  ~WriterHold();

  /// As the function of this name. Asked again, it tells of those who wait, too.
  std::optional<bool> has_writer();

 private:
  Sys& sys_;
  int fd_;
  bool leased_ = false;
};

}  // namespace spoolq::detail
