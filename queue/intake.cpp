// Files of other folders become messages.
//
// Where a rename does it, the rename is the one moment in which the file changes hands: sync the
// file, rename it, sync new/ and the folder it was in. Elsewhere the journal says what was copied.
// Companions go first in both, when it is recorded that they were there.
#include "queue/intake.hpp"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "queue/attributes.hpp"
#include "queue/byte_lock.hpp"
#include "queue/checksum.hpp"
#include "queue/limits.hpp"
#include "queue/rename.hpp"
#include "queue/throw_error.hpp"

namespace spoolq::detail {
namespace {

using Outcome = Intaken::Outcome;

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;
constexpr int kReadFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;

/// Whether nobody has written to it in between. The time of change does not count: a link, or
/// another mode, leaves the content as it is.
bool is_unchanged(const struct stat& before, const struct stat& now) {
  return before.st_ino == now.st_ino && before.st_dev == now.st_dev &&
         before.st_size == now.st_size && before.st_mtim.tv_sec == now.st_mtim.tv_sec &&
         before.st_mtim.tv_nsec == now.st_mtim.tv_nsec && S_ISREG(now.st_mode);
}

/// Whether new/ is where a rename from there can go.
bool is_same_mount(OpenQueue& queue, int directory, const std::string& path) {
  Sys& sys = queue.sys();
  const int ready = queue.fd(Folder::ready);
  std::uint64_t mounts[2] = {};
  struct stat status[2] = {};
  for (const SysResult& result :
       {sys.mount_id(directory, mounts[0]), sys.mount_id(ready, mounts[1]),
        sys.fstat(directory, status[0]), sys.fstat(ready, status[1])}) {
    if (!result.ok()) throw_errno(result.error(), "stat", path);
  }
  return mounts[0] == mounts[1] && status[0].st_dev == status[1].st_dev;
}

bool keeps_birth_times_in(Sys& sys, int directory, const std::string& path) {
  FileSystemInfo file_system;
  if (const auto result = sys.file_system(directory, file_system); !result.ok()) {
    throw_errno(result.error(), "statfs", path);
  }
  return keeps_birth_times(file_system);
}

/// Whether an error leaves the others what they are: it is about one file, or nothing was written.
bool is_about_one_file(const std::error_code& code) {
  return is_forbidden(code) || code == errc::too_large || code == errc::headers_refused ||
         code == errc::bad_value || code == condition::temporary;
}

void refuse(Intaken& result, const Error& error) {
  result.outcome = Outcome::refused;
  result.error = error.code();
  result.reason = error.what();
}

}  // namespace

/// A file on its way.
struct Intake::Item {
  const Arrival& arrival;
  Intaken& result;
  MessageName name{};
  UniqueFd fd{};
  std::unique_ptr<PendingMessage> copy{};
  std::string staged{};  ///< The copy's name in the journal's folder.
  bool stays = false;    ///< Its source cannot be removed.
};

Intake::Intake(OpenQueue& queue, const std::string& directory, IntakeOptions options)
    : queue_{queue},
      path_{directory},
      options_{options},
      directory_{open_directory(queue.sys(), directory)},
      keeps_birth_times_{keeps_birth_times_in(queue.sys(), directory_.get(), directory)},
      by_rename_{!options.keep && !options.always_copy &&
                 is_same_mount(queue, directory_.get(), directory)} {
  queue_.require_own_process("take into");
  if (!options_.look_only) require_one_way();
  const bool exists = IntakeJournal::exists(queue_, path_);
  if (options_.look_only) {
    if (exists) journal_.emplace(queue_, path_, IntakeJournal::Access::look);
  } else if (!by_rename_ || exists) {
    journal_.emplace(queue_, path_);
  }
}

/// Files that one process copies and another one moves would be messages twice. So each of them has
/// a lock on one byte of tmp/, whose place is a hash of the folder's path, and asks whether anybody
/// has one on the byte of the other way.
void Intake::require_one_way() {
  Sys& sys = queue_.sys();
  way_ = LockFd{
      sys,
      [&] { return sys.openat(queue_.fd(Folder::tmp), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }};
  // Where this does not work, nobody asks.
  if (way_.get() < 0) return;
  const auto both = static_cast<std::int64_t>(XXH3_64bits(path_.data(), path_.size()) >> 2U) * 2;
  struct flock ours = byte_lock(F_RDLCK, both + (by_rename_ ? 0 : 1), 1);
  struct flock theirs = byte_lock(F_WRLCK, both + (by_rename_ ? 1 : 0), 1);
  if (::fcntl(way_.get(), F_OFD_SETLK, &ours) != 0) return;
  if (::fcntl(way_.get(), F_OFD_GETLK, &theirs) != 0 || theirs.l_type == F_UNLCK) return;
  throw_errno(EAGAIN, "take from", path_,
              by_rename_ ? "another process copies files from there"
                         : "another process moves files from there");
}

IntakeJournal& Intake::journal() {
  if (!journal_) journal_.emplace(queue_, path_);
  return *journal_;
}

FileIdentity Intake::identity_of(const Arrival& arrival) const {
  return detail::identity_of(arrival.status, keeps_birth_times_ ? arrival.born : timespec{});
}

bool Intake::has_taken(const Arrival& arrival) const {
  return journal_ && journal_->has_copied(keys_of(arrival));
}

bool Intake::has_begun(const Arrival& arrival) const {
  return journal_ && journal_->has_marked(keys_of(arrival));
}

IntakeKeys Intake::keys_of(const Arrival& arrival) const {
  return intake_keys(arrival.below + arrival.file, arrival.status,
                     keeps_birth_times_ ? arrival.born : timespec{});
}

int Intake::directory_of(const Arrival& arrival) const {
  return arrival.directory >= 0 ? arrival.directory : directory_.get();
}

std::string Intake::path_of(const Arrival& arrival) const {
  return fmt::format("{}/{}{}", path_, arrival.below, arrival.file);
}

MessageName Intake::name_of(const Arrival& arrival) const {
  MessageName name =
      arrival.name ? *arrival.name : derive_name(queue_, arrival.file, identity_of(arrival));
  name.size = static_cast<std::uint64_t>(arrival.status.st_size);
  fit_name(name);
  return name;
}

std::vector<Intaken> Intake::take(const std::vector<Arrival>& arrivals) {
  queue_.durability().require_sound(queue_.path());
  queue_.refresh_settings();
  std::vector<Intaken> results(arrivals.size());
  std::vector<Item> items;
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    Item item{.arrival = arrivals[i], .result = results[i]};
    item.name = name_of(item.arrival);
    item.result.id = item.name.id;
    if (has_taken(item.arrival) && (options_.keep || is_what_was_taken(item.arrival))) {
      item.result.outcome = Outcome::forgotten;
      items.push_back(std::move(item));
    } else if (open(item)) {
      items.push_back(std::move(item));
    }
  }
  if (by_rename_) rename_all(items);
  if (!by_rename_) copy_all(items);
  if (!options_.keep) remove_sources(items);
  return results;
}

/// Whether the content is that of the copy: another file may have the same inode number, size, time
/// and name by now, and what is removed has to be in the queue.
bool Intake::is_what_was_taken(const Arrival& arrival) const {
  const auto copy = journal_->copy_of(keys_of(arrival));
  if (!copy || !copy->checksum) return true;
  const SysResult opened =
      queue_.sys().openat(directory_of(arrival), arrival.file.c_str(), kReadFlags);
  if (!opened.ok()) return true;  // It is looked at again before it is removed.
  const UniqueFd fd{queue_.sys(), opened.fd()};
  Checksum checksum;
  std::array<char, kBufferSize> buffer;
  for (;;) {
    const SysResult got = queue_.sys().read(fd.get(), buffer.data(), buffer.size());
    if (!got.ok()) throw_errno(got.error(), "read", path_of(arrival));
    if (got.value() == 0) break;
    checksum.update({buffer.data(), static_cast<std::size_t>(got.value())});
  }
  return checksum.value() == *copy->checksum;
}

/// False, with the outcome, when it is not as it was, or not ours to read.
bool Intake::open(Item& item) {
  const Arrival& arrival = item.arrival;
  const SysResult opened =
      queue_.sys().openat(directory_of(arrival), arrival.file.c_str(), kReadFlags);
  if (opened.error() == ENOENT || opened.error() == ELOOP || opened.error() == ENXIO) return false;
  try {
    if (opened.error() == EWOULDBLOCK) {
      throw_errno(EBUSY, "open", path_of(arrival), "somebody has a lease on it, to write");
    }
    if (!opened.ok()) throw_errno(opened.error(), "open", path_of(arrival));
    item.fd = UniqueFd{queue_.sys(), opened.fd()};
    struct stat status = {};
    if (const auto result = queue_.sys().fstat(item.fd.get(), status); !result.ok()) {
      throw_errno(result.error(), "stat", path_of(arrival));
    }
    if (!is_unchanged(arrival.status, status)) return false;
    require_max_size(queue_, static_cast<std::uint64_t>(status.st_size));
    return true;
  } catch (const Error& error) {
    if (!is_about_one_file(error.code())) throw;
    refuse(item.result, error);
    return false;
  }
}

/// By rename, until it turns out that this cannot be done here; then by_rename_ is false and the
/// others are still to be taken.
void Intake::rename_all(std::vector<Item>& items) {
  std::vector<IntakeJournal::Record> records;
  for (const Item& item : items) {
    if (!item.arrival.companions.empty()) records.push_back({keys_of(item.arrival).key, "-"});
  }
  if (!records.empty()) {
    journal().add(records);
    remove_companions(items, Outcome::changed);
  }
  bool any = false;
  for (Item& item : items) {
    if (item.result.outcome != Outcome::changed) continue;
    rename_one(item);
    if (!by_rename_) break;
    any = any || item.result.outcome == Outcome::taken;
  }
  if (!any) return;
  try {
    queue_.durability().sync_changed({Folder::ready});
    sync_foreign_directory(queue_.sys(), directory_.get(), path_);
  } catch (const Error&) {
    queue_.durability().condemn();
    throw_errc(errc::indeterminate, "take from", path_);
  }
  if (!journal_) return;
  std::vector<IntakeKeys> keys;
  for (const Item& item : items) {
    if (item.result.outcome == Outcome::taken) keys.push_back(keys_of(item.arrival));
  }
  journal_->forget(keys);
}

void Intake::rename_one(Item& item) {
  Sys& sys = queue_.sys();
  const Arrival& arrival = item.arrival;
  std::optional<Allowance> allowance;
  try {
    allowance.emplace(queue_, *item.name.size);
  } catch (const Error& error) {
    if (!is_about_one_file(error.code())) throw;
    refuse(item.result, error);
    return;
  }
  if (item.name.original != arrival.file) set_whole_name(sys, item.fd.get(), arrival.file);
  // Its writer may not have synced it.
  if (const auto synced = sys.fsync(item.fd.get()); !synced.ok()) {
    queue_.durability().condemn();
    throw_errno(synced.error(), "fsync", path_of(arrival));
  }
  try {
    // Until it has its new name, or the old one again, who wants to write to it waits.
    WriterHold writers{sys, item.fd.get()};
    if (!is_left_alone(item.arrival, item.fd.get(), writers)) return;
    const auto file = rename_into(sys, directory_of(arrival), path_, arrival.file, queue_,
                                  {Folder::ready, item.name, {}}, Ballast::keep);
    if (!file) return;
    // Somebody may have put another file under that name since it was opened, or begun to open it
    // for writing just before the rename; from now on nobody finds it there.
    struct stat status = {};
    const int ready = queue_.fd(Folder::ready);
    const bool is_another =
        sys.fstatat(ready, file->c_str(), status).ok() && status.st_ino != arrival.status.st_ino;
    if (is_another || !is_left_alone(arrival, item.fd.get(), writers)) {
      const SysResult back =
          rename_new(sys, ready, file->c_str(), directory_of(arrival), arrival.file.c_str());
      // Otherwise a consumer was faster, and it is a message.
      if (back.error() != ENOENT) return;
    }
  } catch (const Error& error) {
    if (error.code() == std::errc::cross_device_link) {
      by_rename_ = false;
      return;
    }
    if (!is_about_one_file(error.code())) throw;
    refuse(item.result, error);
    return;
  }
  allowance->publish();
  item.result.outcome = Outcome::taken;
  // Those who may read the queue may be others; somebody else's file keeps its mode, also when we
  // could change it, and so does one that has a name elsewhere.
  struct stat now = {};
  if (!sys.fstat(item.fd.get(), now).ok()) return;
  if (now.st_nlink > 1 || now.st_uid != ::geteuid()) return;
  static_cast<void>(sys.fchmod(item.fd.get(), queue_.settings()->file_mode()));
}

/// Whether the open file is as it was when it was found complete, and nobody writes to it.
bool Intake::is_left_alone(const Arrival& arrival, int fd, WriterHold& writers) const {
  if (!options_.despite_writers && writers.has_writer() == true) return false;
  struct stat status = {};
  if (const auto result = queue_.sys().fstat(fd, status); !result.ok()) {
    throw_errno(result.error(), "stat", path_of(arrival));
  }
  return is_unchanged(arrival.status, status);
}

void Intake::copy_all(std::vector<Item>& items) {
  std::vector<IntakeJournal::Record> records;
  for (Item& item : items) {
    if (item.result.outcome != Outcome::changed) continue;
    copy_one(item);
    if (item.copy) records.push_back({keys_of(item.arrival).key, item.staged});
  }
  if (records.empty()) return;
  journal().add(records);
  journal().publish(records);
  for (Item& item : items) {
    if (!item.copy) continue;
    item.copy->published();
    item.result.outcome = Outcome::taken;
  }
}

/// Leaves a copy in the journal's folder, or says why not.
void Intake::copy_one(Item& item) {
  const Arrival& arrival = item.arrival;
  Sys& sys = queue_.sys();
  try {
    auto copy = std::make_unique<PendingMessage>(queue_, Destination{Folder::ready, item.name, {}},
                                                 *item.name.size);
    set_headers(sys, copy->fd(), arrival.headers, path_of(arrival));
    std::array<char, kBufferSize> buffer;
    std::uint64_t size = 0;
    for (;;) {
      const SysResult got = sys.read(item.fd.get(), buffer.data(), buffer.size());
      if (!got.ok()) {
        // Its disk is not ours: the others may be readable.
        const std::error_code code{got.error(), std::generic_category()};
        refuse(item.result, Error{code, "read", path_of(arrival)});
        return;
      }
      if (got.value() == 0) break;
      size += static_cast<std::uint64_t>(got.value());
      if (size > *item.name.size) return;  // It grows.
      copy->write({buffer.data(), static_cast<std::size_t>(got.value())});
    }
    WriterHold writers{sys, item.fd.get()};
    if (size != *item.name.size || !is_left_alone(arrival, item.fd.get(), writers)) return;
    const std::string& called = arrival.name ? arrival.name->original : arrival.file;
    if (copy->destination().name.original != called) set_whole_name(sys, copy->fd(), called);
    item.staged = copy->stage(journal().fd());
    item.copy = std::move(copy);
  } catch (const Error& error) {
    if (!is_about_one_file(error.code())) throw;
    refuse(item.result, error);
  }
}

/// Of those with that outcome; what has one that cannot be removed is not to go on.
void Intake::remove_companions(std::vector<Item>& items, Outcome outcome) {
  Sys& sys = queue_.sys();
  std::set<int> directories;
  for (Item& item : items) {
    if (item.result.outcome != outcome) continue;
    const int directory = directory_of(item.arrival);
    for (const std::string& companion : item.arrival.companions) {
      const std::string path = fmt::format("{}/{}{}", path_, item.arrival.below, companion);
      const SysResult removed = sys.unlinkat(directory, companion.c_str());
      if (!removed.ok() && removed.error() != ENOENT) {
        const std::error_code code{removed.error(), std::generic_category()};
        const Error error{code, "unlink", path};
        if (!is_forbidden(code)) throw Error{error};
        if (outcome == Outcome::changed) {
          refuse(item.result, error);
        } else {
          warn_of_source(item, companion, code);
        }
        break;
      }
      directories.insert(directory);
    }
  }
  for (const int directory : directories) sync_foreign_directory(sys, directory, path_);
}

/// It is a message. That its source is also still there, the journal knows.
void Intake::warn_of_source(Item& item, const std::string& file, const std::error_code& code) {
  item.stays = true;
  const std::string path = fmt::format("{}/{}{}", path_, item.arrival.below, file);
  queue_.warn_once(path, fmt::format("{} was taken and cannot be removed ({}); to leave what is "
                                     "taken there is --keep",
                                     escaped(path), code.message()));
}

/// What has become of copies: their sources go, unless somebody has written to them since, or is
/// about to; those are new files then.
void Intake::remove_sources(std::vector<Item>& items) {
  Sys& sys = queue_.sys();
  if (std::none_of(items.begin(), items.end(), [](const Item& item) {
        return item.copy || item.result.outcome == Outcome::forgotten;
      })) {
    return;
  }
  remove_companions(items, Outcome::taken);
  remove_companions(items, Outcome::forgotten);
  std::vector<IntakeKeys> keys;
  std::set<int> directories;
  for (Item& item : items) {
    if (item.stays || (!item.copy && item.result.outcome != Outcome::forgotten)) continue;
    if (!remove_source(item)) continue;
    directories.insert(directory_of(item.arrival));
    keys.push_back(keys_of(item.arrival));
  }
  for (const int directory : directories) sync_foreign_directory(sys, directory, path_);
  journal().forget(keys);
}

/// True when it is gone.
bool Intake::remove_source(Item& item) {
  Sys& sys = queue_.sys();
  const Arrival& arrival = item.arrival;
  const int directory = directory_of(arrival);
  const SysResult opened = sys.openat(directory, arrival.file.c_str(), kReadFlags);
  if (opened.error() == ENOENT) return true;
  if (!opened.ok()) return false;
  const UniqueFd fd{sys, opened.fd()};
  WriterHold writers{sys, fd.get()};
  if (!is_left_alone(arrival, fd.get(), writers)) return false;
  const SysResult removed = sys.unlinkat(directory, arrival.file.c_str());
  if (!removed.ok() && removed.error() != ENOENT) {
    warn_of_source(item, arrival.file, {removed.error(), std::generic_category()});
    return false;
  }
  if (item.result.outcome == Outcome::forgotten) {
    queue_.log(LogLevel::notice,
               fmt::format("{} was taken before; removed", escaped(path_of(arrival))));
  }
  return true;
}

}  // namespace spoolq::detail
