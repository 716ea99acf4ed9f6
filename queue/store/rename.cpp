// Renames between folders.
#include "queue/store/rename.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <cerrno>
#include <cstdio>

#include "queue/format/message_id.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/space.hpp"

namespace spoolq::detail {
namespace {

constexpr unsigned kCopiesMax = 0xffff;

bool is_full(int error) { return error == ENOSPC || error == EDQUOT; }

/// A rename into a folder that is gone fails as one of a file that is gone does.
void require_folder(Sys& sys, int dir, const std::string& path) {
  struct stat status = {};
  if (!sys.fstat(dir, status).ok() || status.st_nlink > 0) return;
  throw_errc(errc::not_a_queue, "rename into", path, "it was removed");
}

/// Whether both are one entry of one directory, which two queues may have opened.
bool is_same_entry(Sys& sys, int from_dir, const std::string& from, int to_dir,
                   const std::string& to) {
  if (from != to) return false;
  if (from_dir == to_dir) return true;
  struct stat one = {};
  struct stat two = {};
  return sys.fstat(from_dir, one).ok() && sys.fstat(to_dir, two).ok() && is_same_file(one, two);
}

/// A name that is to be moved on.
struct Source {
  int dir = -1;
  std::string file;
};

/// Renames a file into cur/ under a claim that no process has, so that this caller alone goes on
/// with it. If the caller dies, the reaper does. False when the file is gone.
bool seize(Sys& sys, Source& source, OpenQueue& queue, const Destination& to) {
  MessageName name = to.name;
  name.claim = random_token() + ".0";
  name.lease_until.reset();
  name.return_to = to.due ? format_return(*to.due) : format_return(to.state);
  std::string seized = format_name(name);
  const int claimed = queue.fd(Folder::claimed);
  SysResult renamed = rename_new(sys, source.dir, source.file.c_str(), claimed, seized.c_str());
  if (is_full(renamed.error()) && release_ballast(sys, queue.folders())) {
    renamed = rename_new(sys, source.dir, source.file.c_str(), claimed, seized.c_str());
  }
  if (renamed.error() == ENOENT) return false;
  if (!renamed.ok()) throw_errno(renamed.error(), "rename", queue.path(Folder::claimed, seized));
  source = {claimed, std::move(seized)};
  return true;
}

/// A crash, or a hard link, left two names of one file; the target is the one to keep. Since that
/// was seen the target may have moved on, and the source may be the only name: so the source is
/// seized first, and removed only if the target is still there. True: the source is gone. False:
/// the caller goes on with what `source` is now.
bool drop_source(Sys& sys, Source& source, OpenQueue& queue, const Destination& to,
                 const std::string& target) {
  if (!seize(sys, source, queue, to)) return true;
  if (!is_same_file(sys, source.dir, source.file, queue.fd(folder_of(to.state)), target))
    return false;
  const SysResult removed = sys.unlinkat(source.dir, source.file.c_str());
  if (removed.ok() || removed.error() == ENOENT) return true;
  throw_errno(removed.error(), "unlink", source.file);
}

}  // namespace

SysResult rename_new(Sys& sys, int from_dir, const char* from, int to_dir, const char* to) {
  const SysResult renamed = sys.renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE);
  if (renamed.error() != EINVAL && renamed.error() != ENOSYS) return renamed;
  struct stat status = {};
  const SysResult there = sys.fstatat(to_dir, to, status);
  if (there.ok()) return SysResult::failure(EEXIST);
  if (there.error() != ENOENT) return there;
  return sys.renameat2(from_dir, from, to_dir, to, 0);
}

std::optional<StoredMessage> rename_into(Sys& sys, int from_dir, const std::string& from_path,
                                         const std::string& file, OpenQueue& target_queue,
                                         Destination to, Ballast ballast) {
  const Folder folder = folder_of(to.state);
  const int to_dir = target_queue.fd(folder);
  Source source{from_dir, file};
  const auto source_path = [&] { return fmt::format("{}/{}", from_path, file); };
  const auto arrived = [&](std::string target) {
    return StoredMessage{.at = {folder, std::move(target)}, .name = to.name, .due = to.due};
  };
  bool ballast_given = ballast == Ballast::keep;
  for (unsigned copy = 0; copy <= kCopiesMax;) {
    std::string target = to.file();
    const SysResult renamed =
        rename_new(sys, source.dir, source.file.c_str(), to_dir, target.c_str());
    if (renamed.ok()) return arrived(std::move(target));
    if (renamed.error() == ENOENT) {
      require_folder(sys, to_dir, target_queue.path(folder));
      // A reaper has finished what was seized.
      if (source.file != file) return arrived(std::move(target));
      return std::nullopt;
    }
    if (renamed.error() == EEXIST) {
      if (is_same_entry(sys, source.dir, source.file, to_dir, target)) {
        return arrived(std::move(target));
      }
      if (is_same_file(sys, source.dir, source.file, to_dir, target)) {
        if (drop_source(sys, source, target_queue, to, target)) return arrived(std::move(target));
        continue;
      }
      // Another message with this id, from a backup or a copied queue: both are kept.
      if (copy == 0) {
        target_queue.log(LogLevel::warning,
                         fmt::format("{} exists already; keeping both", escaped(target)));
      }
      to.name.copy = static_cast<std::uint16_t>(++copy);
      continue;
    }
    if (is_full(renamed.error()) && !ballast_given) {
      ballast_given = true;
      if (release_ballast(sys, target_queue.folders())) {
        target_queue.log(LogLevel::warning, "the disk is full; gave up the ballast file");
      }
      continue;
    }
    throw_errno(renamed.error(), "rename",
                fmt::format("{} to {}", source_path(), target_queue.path(folder, target)));
  }
  throw_errno(EEXIST, "rename", source_path(), "too many copies of one id");
}

}  // namespace spoolq::detail
