// Reading and replacing spoolq.json.
#include "queue/store/queue_file.hpp"

#include <fcntl.h>
#include <fmt/core.h>

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

void write_queue_file(Sys& sys, int root, const std::string& path, const QueueFile& file) {
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
    // This rename replaces on purpose: readers see the old settings or the new ones.
    require(sys.renameat2(root, temporary.c_str(), root, kSettingsFile, 0), "rename", file_path);
  } catch (...) {
    static_cast<void>(sys.unlinkat(root, temporary.c_str()));
    throw;
  }
  sync_foreign_directory(sys, root, path);
}

}  // namespace spoolq::detail
