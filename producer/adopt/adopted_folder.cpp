// Checking an adopted folder.
#include "producer/adopt/adopted_folder.hpp"

#include <fmt/core.h>
#include <sys/stat.h>

#include <cerrno>

#include "queue/os/throw_error.hpp"
#include "queue/store/inbox.hpp"

namespace spoolq::detail {

void require_foreign_folder(const OpenQueue& queue, int directory, const std::string& path) {
  Sys& sys = queue.sys();
  struct stat status = {};
  if (sys.fstatat(directory, kSettingsFile, status).ok()) {
    throw_errc(errc::bad_value, "adopt", path,
               "it is a queue; 'spoolq mv' moves messages from queue to queue");
  }
  if (const char* const folder = queue.folders().name_of(sys, directory)) {
    throw_errc(errc::bad_value, "adopt", path,
               fmt::format("it is {}/ of this queue, whose consumers take what is there", folder));
  }
  if (const auto other = queue_of_inbox(sys, directory, path)) {
    throw_errc(errc::bad_value, "adopt", path,
               fmt::format("it is the inbox of the queue {}; 'spoolq mv' moves messages "
                           "from queue to queue",
                           escaped(*other)));
  }
  const std::size_t slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  if (is_folder_name(path.substr(slash + 1)) &&
      sys.fstatat(open_directory(sys, parent).get(), kSettingsFile, status).ok()) {
    throw_errc(errc::bad_value, "adopt", path,
               fmt::format("it is a folder of the queue {}; 'spoolq mv' moves messages "
                           "from queue to queue",
                           parent));
  }
}

void require_in_place(const OpenQueue& queue, int directory, const std::string& path) {
  Sys& sys = queue.sys();
  struct stat ours = {};
  struct stat now = {};
  try {
    const UniqueFd there = open_directory(sys, path);
    if (!sys.fstat(there.get(), now).ok() || !sys.fstat(directory, ours).ok()) return;
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) return;
  }
  if (now.st_ino == ours.st_ino && now.st_dev == ours.st_dev && now.st_ino != 0) return;
  throw_errno(ENOENT, "watch", path, "the folder was removed or renamed");
}

}  // namespace spoolq::detail
