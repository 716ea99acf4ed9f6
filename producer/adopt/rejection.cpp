// Moving files into .rejected/.
#include "producer/adopt/rejection.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>

#include "queue/format/message_id.hpp"
#include "queue/format/message_name.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

constexpr const char* kFolder = ".rejected";
constexpr std::string_view kReasonEnd = ".reason";
constexpr int kAttempts = 16;

UniqueFd open_folder(Sys& sys, int directory, const std::string& path) {
  const SysResult made = sys.mkdirat(directory, kFolder, 0777);
  if (!made.ok() && made.error() != EEXIST) throw_errno(made.error(), "mkdir", path);
  return open_below(sys, directory, kFolder, path);
}

/// Makes a file with the reason. False when that name is taken.
bool write_reason(Sys& sys, int folder, const std::string& file, const std::string& reason,
                  const std::string& path) {
  const SysResult opened =
      sys.openat(folder, file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
  if (opened.error() == EEXIST) return false;
  require(opened, "create", path);
  const UniqueFd fd{sys, opened};
  try {
    write_all(sys, fd.get(), reason + "\n", path);
  } catch (...) {
    static_cast<void>(sys.unlinkat(folder, file.c_str()));
    throw;
  }
  return true;
}

bool is_as_found(Sys& sys, int folder, const std::string& file, const struct stat& found) {
  struct stat status = {};
  return !sys.fstatat(folder, file.c_str(), status).ok() ||
         (is_same_file(status, found) && status.st_size == found.st_size);
}

/// False when its name is taken by now: then it stays, for a person to look at.
bool rename_back(Sys& sys, int folder, const std::string& rejected, int directory,
                 const std::string& file) {
  return sys.renameat2(folder, rejected.c_str(), directory, file.c_str(), RENAME_NOREPLACE).ok();
}

}  // namespace

bool reject_file(Sys& sys, int directory, const std::string& path, const std::string& file,
                 const struct stat& found, const std::string& reason) {
  const std::string folder_path = fmt::format("{}/{}", path, kFolder);
  const std::string source = fmt::format("{}/{}", path, file);
  const UniqueFd folder = open_folder(sys, directory, folder_path);
  // The reason first, so that no rejected file is without one.
  std::string target = file.substr(0, kNameMax - kReasonEnd.size());
  for (int i = 0; i < kAttempts; ++i) {
    const std::string reason_file = target + std::string{kReasonEnd};
    if (write_reason(sys, folder.get(), reason_file, reason,
                     fmt::format("{}/{}", folder_path, reason_file))) {
      const SysResult renamed =
          rename_new(sys, directory, file.c_str(), folder.get(), target.c_str());
      // Another file may have got the name since it was found. The name in .rejected/ is ours
      // alone as long as the reason is.
      if (renamed.ok() && is_as_found(sys, folder.get(), target, found)) return true;
      if (renamed.ok() && !rename_back(sys, folder.get(), target, directory, file)) return true;
      static_cast<void>(sys.unlinkat(folder.get(), reason_file.c_str()));
      if (renamed.ok() || renamed.error() == ENOENT) return false;
      if (renamed.error() != EEXIST) throw_errno(renamed.error(), "rename", source);
    }
    const std::string token = "." + random_token();
    target = file.substr(0, kNameMax - kReasonEnd.size() - token.size()) + token;
  }
  throw_errno(EEXIST, "rename", source);
}

}  // namespace spoolq::detail
