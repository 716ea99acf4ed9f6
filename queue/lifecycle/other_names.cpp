// Seizing and removing second names.
#include "queue/lifecycle/other_names.hpp"

#include <fmt/core.h>

#include "queue/lifecycle/transitions.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/mover.hpp"

namespace spoolq::detail {

namespace {

/// What a name says; a foreign file in new/ has a derived one.
std::optional<MessageName> parse_placed(OpenQueue& queue, const PlacedName& placed) {
  if (placed.folder == Folder::later) {
    auto delayed = parse_delayed_name(placed.file);
    return delayed ? std::optional{std::move(delayed->name)} : std::nullopt;
  }
  auto name = parse_name(placed.file);
  if (!name && placed.folder == Folder::ready) return derive_name(queue, placed.file);
  // Without C it is somebody's mail.
  if (name && placed.folder == Folder::claimed && name->claim.empty()) return std::nullopt;
  return name;
}

bool is_there(OpenQueue& queue, Folder folder, const std::string& file, ino_t inode) {
  struct stat status = {};
  return queue.sys().fstatat(queue.fd(folder), file.c_str(), status).ok() && status.st_ino == inode;
}

/// One run of drop_other_names().
class Dropping {
 public:
  Dropping(OpenQueue& queue, const StoredMessage& kept, ino_t inode)
      : queue_{queue}, kept_{kept}, inode_{inode} {}

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
      const auto name = parse_placed(queue_, placed);
      if (!name || name->id != kept_.name.id) {
        // Another id is another message, even where somebody linked both names to one file. A
        // foreign file that is gone has no id.
        is_stale_ = is_stale_ || (!name && placed.folder == Folder::ready);
        continue;
      }
      is_held = drop({placed.folder, placed.file, *name}) || is_held;
    }
    return is_held;
  }

  /// True when it is a claim that holds.
  bool drop(const StoredMessage& other) {
    if (other.folder == Folder::claimed && is_holding(other.name)) {
      if (is_there(queue_, Folder::claimed, other.file, inode_)) return true;
      is_stale_ = true;
      return false;
    }
    const auto seized = claim_for_move(queue_, other, queue_.mover()->next_claim());
    if (!seized) {
      is_stale_ = true;
      return false;
    }
    try {
      finish(other, *seized);
    } catch (const Error&) {
      // The reaper puts it back as soon as its owner is gone.
      queue_.drop_mover();
      throw;
    }
    return false;
  }

  void finish(const StoredMessage& other, const StoredMessage& seized) {
    // Another file may have had that name, or the kept name may have moved on, so that this is the
    // only one.
    if (!is_there(queue_, seized.folder, seized.file, inode_) ||
        !is_there(queue_, kept_.folder, kept_.file, inode_)) {
      put_back(queue_, seized, other);
      return;
    }
    const SysResult removed =
        queue_.sys().unlinkat(queue_.fd(Folder::claimed), seized.file.c_str());
    if (!removed.ok() && removed.error() != ENOENT) {
      throw_errno(removed.error(), "unlink", queue_.path(Folder::claimed, seized.file));
    }
    queue_.log(LogLevel::notice,
               fmt::format("removed {}/{}, a second name of {}/{}", folder_name(other.folder),
                           escaped(other.file), folder_name(kept_.folder), escaped(kept_.file)));
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
  bool is_stale_ = false;
};

}  // namespace

bool drop_other_names(OpenQueue& queue, const StoredMessage& kept, ino_t inode) {
  return Dropping{queue, kept, inode}.run();
}

bool drop_other_names(OpenQueue& queue, const StoredMessage& kept) {
  struct stat status = {};
  const SysResult found = queue.sys().fstatat(queue.fd(kept.folder), kept.file.c_str(), status);
  if (!found.ok() || status.st_nlink < 2) return false;
  // A Maildir has no claims of ours, and nobody to make them.
  if (!queue.folders().has(Folder::consumers)) return false;
  return drop_other_names(queue, kept, status.st_ino);
}

}  // namespace spoolq::detail
