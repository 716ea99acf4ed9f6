// Opening and checking an adopted folder.
#include "producer/adopt/adopted_folder.hpp"

#include <fmt/core.h>

#include <cerrno>

#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/inbox.hpp"

namespace spoolq::detail {

AdoptedFolder::AdoptedFolder(OpenQueue& queue, const std::filesystem::path& directory,
                             const AdoptOptions& options)
    : queue_{queue},
      path_{canonical_path(directory.string())},
      options_{options},
      directory_{open_directory(queue.sys(), path_)},
      completeness_{queue.sys(), directory_.get(), options, queue.settings()->settle} {
  queue.require_own_process("take into");
  require_foreign();
}

void AdoptedFolder::require_foreign() const {
  Sys& sys = queue_.sys();
  struct stat status = {};
  const auto refuse = [this](const std::string& what) {
    throw_errc(errc::bad_value, "adopt", path_, what);
  };
  constexpr std::string_view kInstead = "'spoolq mv' moves messages from queue to queue";
  if (sys.fstatat(directory_.get(), kSettingsFile, status).ok()) {
    refuse(fmt::format("it is a queue; {}", kInstead));
  }
  if (const char* const folder = queue_.folders().name_of(sys, directory_.get())) {
    refuse(fmt::format("it is {}/ of this queue, whose consumers take what is there", folder));
  }
  if (const auto other = queue_of_inbox(sys, directory_.get(), path_)) {
    refuse(fmt::format("it is the inbox of the queue {}; {}", escaped(*other), kInstead));
  }
  const std::size_t slash = path_.rfind('/');
  const std::string parent = slash == 0 ? "/" : path_.substr(0, slash);
  if (is_folder_name(path_.substr(slash + 1)) &&
      sys.fstatat(open_directory(sys, parent).get(), kSettingsFile, status).ok()) {
    refuse(fmt::format("it is a folder of the queue {}; {}", parent, kInstead));
  }
}

void AdoptedFolder::require_in_place() const {
  Sys& sys = queue_.sys();
  struct stat ours = {};
  struct stat now = {};
  try {
    const UniqueFd there = open_directory(sys, path_);
    if (!sys.fstat(there.get(), now).ok() || !sys.fstat(directory_.get(), ours).ok()) return;
    if (is_same_file(now, ours)) return;
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) return;
  }
  throw_errno(ENOENT, "watch", path_, "the folder was removed or renamed");
}

}  // namespace spoolq::detail
