// Opening and making intake/ and the folders in it.
#include "queue/store/intake_folder.hpp"

#include "queue/os/files.hpp"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <fmt/core.h>
#include <xxhash.h>

#include <cerrno>

#include "queue/os/throw_error.hpp"
#include "queue/store/durability.hpp"

namespace spoolq::detail {

namespace {

constexpr const char* kIntakeFolder = "intake";

}  // namespace

std::string intake_path(const OpenQueue& queue) {
  return fmt::format("{}/{}", queue.path(), kIntakeFolder);
}

UniqueFd make_below(OpenQueue& queue, int parent, const std::string& name,
                    const std::string& path) {
  Sys& sys = queue.sys();
  UniqueFd folder = try_open_below(sys, parent, name, path);
  if (!folder) {
    const SysResult made = sys.mkdirat(parent, name.c_str(), 0700);
    if (!made.ok() && made.error() != EEXIST) throw_errno(made.error(), "mkdir", path);
    folder = open_below(sys, parent, name, path);
    // The mode does not depend on the umask; another's folder keeps its own. The parent's group
    // goes on to what is made here where it does so there.
    struct stat status = {};
    if (made.ok() && sys.fstat(folder.get(), status).ok()) {
      const mode_t inherited = status.st_mode & S_ISGID;
      static_cast<void>(sys.fchmod(folder.get(), queue.settings()->mode | inherited));
    }
  }
  // Also when it was there: who made it may have died before its sync.
  sync_foreign_directory(sys, parent, path);
  return folder;
}

std::string intake_folder_name(const std::string& source) {
  return fmt::format("{:016x}", XXH3_64bits(source.data(), source.size()));
}

UniqueFd open_intake_folder(OpenQueue& queue) {
  return try_open_below(queue.sys(), queue.folders().root(), kIntakeFolder, intake_path(queue));
}

UniqueFd make_intake_folder(OpenQueue& queue) {
  return make_below(queue, queue.folders().root(), kIntakeFolder, intake_path(queue));
}

LockFd open_transfer_locks(OpenQueue& queue) {
  return LockFd{queue.sys(), [&queue] {
                  return queue.sys().openat(queue.fd(Folder::tmp), ".",
                                            O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                }};
}

void discard_staged(OpenQueue& queue, int folder, const std::string& path,
                    const std::string& file) {
  const SysResult removed = queue.sys().unlinkat(folder, file.c_str());
  if (removed.ok() || removed.error() == ENOENT) return;
  throw_errno(removed.error(), "unlink", fmt::format("{}/{}", path, file));
}

}  // namespace spoolq::detail
