// What each mutant leaves out.
#include "tests/support/mutant_sys.hpp"

#include <fcntl.h>

#include <cstdio>
#include <string_view>

namespace spoolq::test {
namespace {

/// intake/HASH.TOKEN, two times 16 hex digits.
bool is_seize_record(std::string_view name) {
  constexpr std::size_t kHashSize = 16;
  return name.size() == 2 * kHashSize + 1 && name[kHashSize] == '.' &&
         name.find_first_not_of("0123456789abcdef.") == std::string_view::npos;
}

}  // namespace

const char* to_string(Mutant mutant) {
  switch (mutant) {
    case Mutant::none:
      return "none";
    case Mutant::no_file_fsync:
      return "no_file_fsync";
    case Mutant::no_new_fsync:
      return "no_new_fsync";
    case Mutant::ack_syncs_new:
      return "ack_syncs_new";
    case Mutant::no_ack_sync:
      return "no_ack_sync";
    case Mutant::rename_replaces:
      return "rename_replaces";
    case Mutant::no_directory_fstat:
      return "no_directory_fstat";
    case Mutant::no_recheck_after_lock:
      return "no_recheck_after_lock";
    case Mutant::no_byte_lock:
      return "no_byte_lock";
    case Mutant::no_syncfs:
      return "no_syncfs";
    case Mutant::fsync_on_btrfs:
      return "fsync_on_btrfs";
    case Mutant::no_sync_at_all:
      return "no_sync_at_all";
    case Mutant::no_journal:
      return "no_journal";
    case Mutant::keeps_markers:
      return "keeps_markers";
    case Mutant::no_seize_record:
      return "no_seize_record";
    case Mutant::ignores_return:
      return "ignores_return";
  }
  return "";
}

void MutantSys::remember(const CallInfo& info, int fd) {
  Opened made;
  made.is_directory = (info.flags & static_cast<std::uint64_t>(O_DIRECTORY)) != 0;
  std::string_view path{info.name};
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  const std::lock_guard lock{mutex_};
  if (path == "." && opened_.contains(info.fd)) {
    made.name = opened_[info.fd].name;
    made.parent = opened_[info.fd].parent;
  } else {
    made.name = path.substr(path.rfind('/') + 1);
    made.parent = info.fd;
  }
  opened_[fd] = made;
}

MutantSys::Opened MutantSys::opened(int fd) {
  const std::lock_guard lock{mutex_};
  const auto found = opened_.find(fd);
  return found == opened_.end() ? Opened{} : found->second;
}

int MutantSys::new_beside(int fd) {
  const std::lock_guard lock{mutex_};
  const int parent = opened_[fd].parent;
  int any = -1;
  for (const auto& [number, each] : opened_) {
    if (!each.is_directory || each.name != "new") continue;
    if (each.parent == parent) return number;
    any = number;
  }
  return any;
}

SysResult MutantSys::after(const CallInfo& info, SysResult result) {
  if (info.call == Call::close) {
    const std::lock_guard lock{mutex_};
    opened_.erase(info.fd);
  } else if ((info.call == Call::openat || info.call == Call::openat2) && result.ok()) {
    remember(info, result.fd());
  }
  return result;
}

SysResult MutantSys::write(int fd, const void* bytes, std::size_t size) {
  const bool drops_journal = mutant_ == Mutant::no_journal && opened(fd).name == "journal";
  if (drops_journal || (mutant_ == Mutant::no_seize_record && is_seize_record(opened(fd).name))) {
    return SysResult::success(static_cast<std::int64_t>(size));
  }
  return ForwardingSys::write(fd, bytes, size);
}

SysResult MutantSys::fsync(int fd) {
  const Opened file = opened(fd);
  const bool is_new = file.is_directory && file.name == "new";
  const bool is_cur = file.is_directory && file.name == "cur";
  switch (mutant_) {
    case Mutant::no_sync_at_all:
      return SysResult::success();
    case Mutant::no_file_fsync:
      if (!file.is_directory) return SysResult::success();
      break;
    case Mutant::no_new_fsync:
      if (is_new) return SysResult::success();
      break;
    case Mutant::no_ack_sync:
      if (is_cur) return SysResult::success();
      break;
    case Mutant::ack_syncs_new:
      if (is_cur) {
        const int other = new_beside(fd);
        return other < 0 ? SysResult::success() : ForwardingSys::fsync(other);
      }
      break;
    default:
      break;
  }
  return ForwardingSys::fsync(fd);
}

SysResult MutantSys::lock_byte(int fd, short type, std::int64_t place) {
  return mutant_ == Mutant::no_byte_lock ? SysResult::success()
                                         : ForwardingSys::lock_byte(fd, type, place);
}

SysResult MutantSys::syncfs(int fd) {
  if (mutant_ == Mutant::no_sync_at_all || mutant_ == Mutant::no_syncfs) {
    return SysResult::success();
  }
  std::set<int> published;
  {
    const std::lock_guard lock{mutex_};
    published.swap(published_);
  }
  if (mutant_ != Mutant::fsync_on_btrfs || published.empty()) return ForwardingSys::syncfs(fd);
  for (const int folder : published) {
    const SysResult synced = ForwardingSys::fsync(folder);
    if (!synced.ok()) return synced;
  }
  return SysResult::success();
}

SysResult MutantSys::fstat(int fd, struct stat& status) {
  const SysResult result = ForwardingSys::fstat(fd, status);
  if (mutant_ == Mutant::no_recheck_after_lock && result.ok() && S_ISREG(status.st_mode) &&
      status.st_nlink == 0) {
    status.st_nlink = 1;
  }
  if (mutant_ != Mutant::no_directory_fstat) return result;
  const std::lock_guard lock{mutex_};
  const auto found = opened_.find(fd);
  if (found == opened_.end() || !found->second.is_directory) return result;
  if (result.ok()) {
    found->second.status = status;
    found->second.has_status = true;
    return result;
  }
  if (!found->second.has_status) return result;
  status = found->second.status;
  return SysResult::success();
}

SysResult MutantSys::renameat2(int from_dir, const char* from, int to_dir, const char* to,
                               unsigned flags) {
  if (mutant_ == Mutant::ignores_return && opened(from_dir).name == "cur" &&
      std::string_view{from}.find(",R=") != std::string_view::npos) {
    return ForwardingSys::renameat2(from_dir, from, new_beside(from_dir), to, flags);
  }
  if (mutant_ == Mutant::keeps_markers && std::string_view{from}.ends_with(".done")) {
    return SysResult::failure(ENOENT);
  }
  const unsigned dropped =
      mutant_ == Mutant::rename_replaces ? static_cast<unsigned>(RENAME_NOREPLACE) : 0U;
  const SysResult renamed = ForwardingSys::renameat2(from_dir, from, to_dir, to, flags & ~dropped);
  if (renamed.ok() && opened(from_dir).name == "tmp") {
    const std::lock_guard lock{mutex_};
    published_.insert(to_dir);
  }
  return renamed;
}

}  // namespace spoolq::test
