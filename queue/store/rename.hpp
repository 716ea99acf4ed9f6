// Moving a message's file from folder to folder: one rename, and an answer to every errno it can
// give (docs/architecture.md, "Errors").
#pragma once

#include <optional>
#include <string>

#include "queue/format/message_name.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// renameat2(RENAME_NOREPLACE), and on file systems without it (EINVAL, ENOSYS) a look and a plain
/// rename. That leaves a race only between writers of one name, and every name we rename to holds
/// an id or a random token.
SysResult rename_new(Sys& sys, int from_dir, const char* from, int to_dir, const char* to);

/// Where a message's file is to go. `due` is set for later/ only.
struct Destination {
  Folder folder = Folder::ready;
  MessageName name;
  std::optional<Time> due;

  [[nodiscard]] std::string file() const {
    return due ? format_delayed_name(*due, name) : format_name(name);
  }
};

/// What a full disk may cost: `give` lets the rename have the ballast's blocks.
enum class Ballast { keep, give };

/// Renames `file` in `from` to its destination and returns the name it got there: the
/// destination's, with U set when another file already had it. nullopt: the file is gone, somebody
/// else was first. A rename of a name onto itself is a success. A second name of the same file is
/// seized and removed. Throws the errno of everything that the table does not mend.
std::optional<std::string> rename_message(OpenQueue& queue, Folder from, const std::string& file,
                                          Destination to, Ballast ballast = Ballast::give);
/// The same into a folder of another queue. EXDEV when that is on another mount.
std::optional<std::string> rename_message(OpenQueue& queue, Folder from, const std::string& file,
                                          OpenQueue& target, Destination to,
                                          Ballast ballast = Ballast::give);

/// The same from a directory that is no folder of a queue, whose path is `from_path`.
std::optional<std::string> rename_into(Sys& sys, int from_dir, const std::string& from_path,
                                       const std::string& file, OpenQueue& target, Destination to,
                                       Ballast ballast);

/// Moves what is not a message to bad/, under its own name or a fresh one, and reports it with
/// `reason`. Does nothing when it is gone. Opens nothing.
void quarantine(OpenQueue& queue, Folder from, const std::string& file, const std::string& reason);
/// The same of a name that was seen to be a link, FIFO, socket or device and may mean another file
/// by now: a regular file goes back to its name.
void quarantine_unless_regular(OpenQueue& queue, Folder from, const std::string& file);

}  // namespace spoolq::detail
