// What `export` writes to.
#pragma once

#include <memory>
#include <string>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// Receives copies of messages. All members throw Failure when it cannot be written: no more copies
/// can be added then.
class ExportTarget {
 public:
  ExportTarget() = default;
  ExportTarget(const ExportTarget&) = delete;
  ExportTarget& operator=(const ExportTarget&) = delete;
  virtual ~ExportTarget() = default;

  /// Adds a copy of the message, whole or not at all. It is called as `message` says, and read
  /// where `source` says: the same, or the message as it was claimed. Throws what reading it
  /// throws: errc::no_such_message when it has moved on, errc::damaged.
  virtual void add(const Queue& queue, const MessageInfo& message, const MessageInfo& source) = 0;
  /// After the last copy: all of them are there. They survive a power cut as well, unless they go
  /// to standard output and `durable` is false.
  virtual void finish(bool durable) = 0;
};

/// A Maildir, made where it is missing.
std::unique_ptr<ExportTarget> export_to_maildir(const std::string& directory);
/// A tar archive in a file that does not exist yet.
std::unique_ptr<ExportTarget> export_to_tar_file(const std::string& file);
/// A tar archive on standard output.
std::unique_ptr<ExportTarget> export_to_tar(Output& out);

/// The copy at `path` cannot be written.
inline Failure export_failure(int error, const std::string& path) {
  return output_failure(error, path, "export: ");
}

}  // namespace spoolq::cli
