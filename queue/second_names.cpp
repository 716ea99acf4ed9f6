// Finding and dropping second names.
#include "queue/second_names.hpp"

#include <dirent.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "queue/directory_scan.hpp"
#include "queue/liveness.hpp"
#include "queue/open_queue.hpp"
#include "queue/rename.hpp"
#include "queue/strangers.hpp"
#include "queue/throw_error.hpp"
#include "queue/transitions.hpp"

namespace spoolq::detail {
namespace {

constexpr Duration kLookInterval{1000};
constexpr std::array kFolders{Folder::ready, Folder::later, Folder::claimed, Folder::failed};

void scan_files(OpenQueue& queue, const std::function<void(Folder, const DirectoryEntry&)>& visit) {
  for (const Folder folder : kFolders) {
    if (!queue.folders().has(folder)) continue;
    scan_directory(queue.sys(), queue.fd(folder), queue.path(folder),
                   [&](const DirectoryEntry& entry) {
                     if (entry.type == DT_REG || entry.type == DT_UNKNOWN) visit(folder, entry);
                     return true;
                   });
  }
}

/// Where a message that has another name would go under it, and that name.
struct Other {
  Destination place;
  std::string file;
};

std::optional<MessageName> parse_placed(OpenQueue& queue, const PlacedName& placed) {
  auto name = parse_name(placed.file);
  if (!name && placed.folder == Folder::ready) return derive_name(queue, placed.file);
  // Without C it is somebody's mail.
  if (name && placed.folder == Folder::claimed && name->claim.empty()) return std::nullopt;
  return name;
}

std::optional<Other> read_name(OpenQueue& queue, const PlacedName& placed) {
  if (placed.folder == Folder::later) {
    auto delayed = parse_delayed_name(placed.file);
    if (!delayed) return std::nullopt;
    return Other{{placed.folder, std::move(delayed->name), delayed->due}, placed.file};
  }
  auto name = parse_placed(queue, placed);
  if (!name) return std::nullopt;
  return Other{{placed.folder, std::move(*name), std::nullopt}, placed.file};
}

bool is_there(OpenQueue& queue, Folder folder, const std::string& file, ino_t inode) {
  struct stat status = {};
  return queue.sys().fstatat(queue.fd(folder), file.c_str(), status).ok() && status.st_ino == inode;
}

/// One run of drop_other_names().
class Dropping {
 public:
  Dropping(OpenQueue& queue, const StoredMessage& kept, ino_t inode,
           const std::function<std::string()>& next_claim)
      : queue_{queue}, kept_{kept}, inode_{inode}, next_claim_{next_claim} {}

  bool run() {
    const bool is_held = run(SecondNames::Look::cached);
    // Where a name has moved on, only another look tells where to.
    return is_stale_ ? run(SecondNames::Look::fresh) : is_held;
  }

 private:
  bool run(SecondNames::Look look) {
    bool is_held = false;
    is_stale_ = false;
    for (const PlacedName& placed : queue_.second_names().names_of(queue_, inode_, look)) {
      if (placed.folder == kept_.folder && placed.file == kept_.file) continue;
      const auto other = read_name(queue_, placed);
      if (!other || other->place.name.id != kept_.name.id) {
        // Another id is another message, even where somebody linked both names to one file. A
        // foreign file that is gone has no id.
        is_stale_ = is_stale_ || (!other && placed.folder == Folder::ready);
        continue;
      }
      is_held = drop(*other) || is_held;
    }
    return is_held;
  }

  /// True when it is a claim that holds.
  bool drop(const Other& other) {
    if (other.place.folder == Folder::claimed && is_holding(other.place.name)) {
      if (is_there(queue_, Folder::claimed, other.file, inode_)) return true;
      is_stale_ = true;
      return false;
    }
    MessageName name = other.place.name;
    name.claim = next_claim_();
    name.lease_until.reset();
    const std::string seized = format_name(name);
    const int claimed = queue_.fd(Folder::claimed);
    const SysResult renamed = rename_new(queue_.sys(), queue_.fd(other.place.folder),
                                         other.file.c_str(), claimed, seized.c_str());
    if (renamed.error() == ENOENT) {
      is_stale_ = true;
      return false;
    }
    if (!renamed.ok()) {
      throw_errno(renamed.error(), "rename", queue_.path(other.place.folder, other.file));
    }
    if (!is_there(queue_, kept_.folder, kept_.file, inode_)) {
      put_back(other, seized);
      return false;
    }
    const SysResult removed = queue_.sys().unlinkat(claimed, seized.c_str());
    if (!removed.ok() && removed.error() != ENOENT) {
      throw_errno(removed.error(), "unlink", queue_.path(Folder::claimed, seized));
    }
    queue_.log(LogLevel::notice,
               fmt::format("removed {}/{}, a second name of {}/{}", folder_name(other.place.folder),
                           escaped(other.file), folder_name(kept_.folder), escaped(kept_.file)));
    return false;
  }

  /// The kept name has moved on, so the seized one may be the only one.
  void put_back(const Other& other, const std::string& seized) {
    Destination place = other.place;
    if (place.folder == Folder::claimed) place.folder = Folder::ready;
    place.name.claim.clear();
    place.name.lease_until.reset();
    static_cast<void>(rename_message(queue_, Folder::claimed, seized, place));
  }

  bool is_holding(const MessageName& claimed) {
    if (is_detached(claimed.claim)) {
      return !claimed.lease_until || *claimed.lease_until > queue_.now();
    }
    const std::string_view owner = claim_owner(claimed.claim);
    return owner == claim_owner(kept_.name.claim) || is_alive(queue_, owner);
  }

  OpenQueue& queue_;
  const StoredMessage& kept_;
  const ino_t inode_;
  const std::function<std::string()>& next_claim_;
  bool is_stale_ = false;
};

}  // namespace

std::vector<PlacedName> SecondNames::names_of(OpenQueue& queue, ino_t inode, Look look) {
  const std::lock_guard lock{mutex_};
  const Duration now = queue.since_boot();
  if (look == Look::fresh || !scanned_ || now - *scanned_ >= kLookInterval) {
    scan(queue);
    scanned_ = now;
  }
  const auto found = names_.find(inode);
  return found == names_.end() ? std::vector<PlacedName>{} : found->second;
}

void SecondNames::scan(OpenQueue& queue) {
  names_.clear();
  std::vector<ino_t> inodes;
  scan_files(queue, [&](Folder, const DirectoryEntry& entry) { inodes.push_back(entry.inode); });
  std::sort(inodes.begin(), inodes.end());
  for (std::size_t i = 1; i < inodes.size(); ++i) {
    if (inodes[i] == inodes[i - 1]) names_.try_emplace(inodes[i]);
  }
  if (names_.empty()) return;
  scan_files(queue, [&](Folder folder, const DirectoryEntry& entry) {
    if (const auto found = names_.find(entry.inode); found != names_.end()) {
      found->second.push_back({folder, std::string{entry.name}});
    }
  });
}

bool drop_other_names(OpenQueue& queue, const StoredMessage& kept, ino_t inode,
                      const std::function<std::string()>& next_claim) {
  return Dropping{queue, kept, inode, next_claim}.run();
}

bool drop_other_names(OpenQueue& queue, const StoredMessage& kept) {
  struct stat status = {};
  const SysResult found = queue.sys().fstatat(queue.fd(kept.folder), kept.file.c_str(), status);
  if (!found.ok() || status.st_nlink < 2) return false;
  std::optional<Registration> consumer;
  unsigned claims = 0;
  return drop_other_names(queue, kept, status.st_ino, [&] {
    if (!consumer) consumer.emplace(queue);
    return fmt::format("{}.{}", consumer->consumer(), ++claims);
  });
}

}  // namespace spoolq::detail
