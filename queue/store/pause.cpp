// Pausing: a file made or removed, and the directory synced.
#include "queue/store/pause.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>

#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/durability.hpp"

namespace spoolq::detail {
namespace {

void require_queue(const OpenQueue& queue, const char* operation) {
  if (!queue.is_maildir()) return;
  throw_errc(errc::not_a_queue, operation, queue.path(),
             fmt::format("a Maildir; 'spoolq init {}' makes it a queue", queue.path()));
}

void sync_root(OpenQueue& queue) {
  sync_foreign_directory(queue.sys(), queue.folders().root(), queue.path());
}

std::string pause_path(const OpenQueue& queue) { return queue.path() + "/" + kPauseFile; }

}  // namespace

bool is_paused(const OpenQueue& queue) {
  struct stat status = {};
  return queue.sys().fstatat(queue.folders().root(), kPauseFile, status).ok();
}

void pause_queue(OpenQueue& queue) {
  require_queue(queue, "pause");
  const SysResult opened =
      queue.sys().openat(queue.folders().root(), kPauseFile,
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (opened.ok()) {
    const UniqueFd fd{queue.sys(), opened};
    // Only so that people see the same mode everywhere: nobody reads it.
    static_cast<void>(queue.sys().fchmod(fd.get(), queue.settings()->file_mode()));
  } else if (opened.error() != EEXIST) {
    throw_errno(opened.error(), "create", pause_path(queue));
  }
  sync_root(queue);
}

void resume_queue(OpenQueue& queue) {
  require_queue(queue, "resume");
  const SysResult removed = queue.sys().unlinkat(queue.folders().root(), kPauseFile);
  if (!removed.ok() && removed.error() != ENOENT) {
    throw_errno(removed.error(), "unlink", pause_path(queue));
  }
  sync_root(queue);
}

}  // namespace spoolq::detail
