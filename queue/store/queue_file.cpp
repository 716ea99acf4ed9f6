// Reading and replacing spoolq.json.
#include "queue/store/queue_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <chrono>
#include <cstdio>

#include "queue/format/message_id.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/durability.hpp"

namespace spoolq::detail {

std::optional<QueueFile> read_queue_file(Sys& sys, int root, const std::string& path) {
  const std::string file_path = path + "/" + kSettingsFile;
  const auto text = read_whole_file(sys, root, kSettingsFile, file_path);
  if (!text) return std::nullopt;
  return parse_queue_file(*text, file_path);
}

namespace {

constexpr std::chrono::seconds kLockWait{5};

void write(Sys& sys, int root, const std::string& path, const QueueFile& file, unsigned rename) {
  const std::string temporary = fmt::format(".{}.{}", kSettingsFile, random_token());
  const std::string file_path = path + "/" + kSettingsFile;
  const UniqueFd fd{sys,
                    require(sys.openat(root, temporary.c_str(),
                                       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600),
                            "create", path + "/" + temporary)};
  try {
    write_all(sys, fd.get(), format_queue_file(file), file_path);
    require(sys.fchmod(fd.get(), file.settings.file_mode()), "chmod", file_path);
    require(sys.fsync(fd.get()), "fsync", file_path);
    require(sys.renameat2(root, temporary.c_str(), root, kSettingsFile, rename), "rename",
            file_path);
  } catch (...) {
    static_cast<void>(sys.unlinkat(root, temporary.c_str()));
    throw;
  }
  sync_foreign_directory(sys, root, path);
}

}  // namespace

QueueFileLock::QueueFileLock(Sys& sys, const Folders& folders)
    : lock_{sys, [&] {
              return sys.openat(folders.fd(Folder::bad), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            }} {
  if (lock_.error() != 0) throw_errno(lock_.error(), "open", folders.path(Folder::bad));
  const SysResult locked = sys.lock_within(lock_.get(), kLockWait);
  if (locked.error() == EWOULDBLOCK) {
    throw_errno(EAGAIN, "change the settings of", folders.path(),
                "another process changes them; try again");
  }
  require(locked, "lock", folders.path(Folder::bad));
}

void make_queue_file(Sys& sys, int root, const std::string& path, const QueueFile& file) {
  write(sys, root, path, file, RENAME_NOREPLACE);
}

void replace_queue_file(Sys& sys, int root, const std::string& path, const QueueFile& file) {
  write(sys, root, path, file, 0);
}

}  // namespace spoolq::detail
