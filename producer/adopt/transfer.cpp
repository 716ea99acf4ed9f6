// Files of other folders become messages.
//
// Where a rename does it: sync the file, seize it, rename it into new/, sync new/ and the folder it
// was in. Elsewhere: seize it, copy it, record the copy in the journal, publish the copy, remove
// the source. A file that stays is copied without being seized.
#include "producer/adopt/transfer.hpp"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <set>

#include "queue/format/attributes.hpp"
#include "queue/os/byte_lock.hpp"
#include "queue/os/checksum.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/folder_locks.hpp"
#include "queue/store/limits.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

using Outcome = Intaken::Outcome;

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

/// How much longer than `settle` a file waits whose writers we may not ask about.
constexpr int kBlindFactor = 10;

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
  std::string staged{};   ///< The copy's name in the journal's folder.
  bool stays = false;     ///< It is not what was found complete, or cannot be removed.
  SeizedSource source{};  ///< What is announced of it, and where it is when it is seized.
  std::vector<SeizedSource> markers{};

  [[nodiscard]] bool is_seized() const { return !source.file.empty(); }
  [[nodiscard]] bool was_seized_before() const { return arrival.directory == kSeized; }
  [[nodiscard]] bool is_wanted() const { return !stays && result.outcome == Outcome::changed; }
  /// It is a message, and its source is there.
  [[nodiscard]] bool goes() const {
    return !stays && (copy || result.outcome == Outcome::forgotten);
  }
  static constexpr int kSeized = -2;  ///< Arrival::directory of a file with a private name.
};

/// Files that wait under private names, and all that items about them refer to.
struct Intake::KeptItems {
  std::vector<SeizedSources::Kept> kept;
  std::vector<Arrival> arrivals;
  std::vector<Intaken> results;
};

Intake::Intake(OpenQueue& queue, const std::string& directory, IntakeOptions options)
    : queue_{queue},
      path_{directory},
      options_{options},
      directory_{open_directory(queue.sys(), directory)},
      keeps_birth_times_{keeps_birth_times_in(queue.sys(), directory_.get(), directory)},
      is_same_mount_{queue.folders().is_same_mount(queue.sys(), directory_.get(), directory)},
      by_rename_{!options.keep && !options.always_copy && is_same_mount_},
      sources_{queue, directory, directory_.get(), is_same_mount_} {
  queue_.require_own_process("take into");
  if (!options_.look_only) require_one_way();
  const bool exists = IntakeJournal::exists(queue_, path_);
  if (options_.look_only) {
    if (exists) journal_.emplace(queue_, path_, IntakeJournal::Access::look);
  } else if (!by_rename_ || exists) {
    journal_.emplace(queue_, path_);
  }
  if (!options_.look_only) recover();
}

/// What a dead process has published is removed; anything else that it has seized goes back.
void Intake::recover() {
  std::vector<IntakeKeys> removed;
  sources_.recover([&](const SeizedSource& source) {
    const auto arrival = arrival_of(source);
    if (!arrival || !has_taken(*arrival)) return false;
    Intaken result;
    const Item item{.arrival = *arrival, .result = result, .source = source};
    if (!is_what_was_taken(item).value_or(false)) return false;
    removed.push_back(keys_of(*arrival));
    return true;
  });
  if (!removed.empty()) journal_->forget(removed);
}

/// Files that one process copies and another one moves would be messages twice. So each of them has
/// a lock on one byte of tmp/, whose place is a hash of the folder's path, and asks whether anybody
/// has one on the byte of the other way.
void Intake::require_one_way() {
  way_ = open_to_lock(queue_, FolderLock::transfers);
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

/// Whether nobody has written to it in between. The time of change does not count: a link, another
/// name or another mode leaves the content as it is.
bool Intake::is_unchanged(const Arrival& arrival, const struct stat& now) const {
  const struct stat& before = arrival.status;
  return is_same_file(before, now) && before.st_size == now.st_size &&
         before.st_mtim.tv_sec == now.st_mtim.tv_sec &&
         before.st_mtim.tv_nsec == now.st_mtim.tv_nsec &&
         (before.st_mode & S_IFMT) == (now.st_mode & S_IFMT);
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
  KeptItems kept;
  begin_kept(items, kept);
  for (std::size_t i = 0; i < arrivals.size(); ++i) begin(items, arrivals[i], results[i]);
  if (!options_.keep) {
    announce(items);
    remove_markers(items);
  }
  if (by_rename_) rename_all(items);
  if (!by_rename_) copy_all(items);
  if (!options_.keep) remove_sources(items);
  sources_.settle();
  return results;
}

void Intake::begin(std::vector<Item>& items, const Arrival& arrival, Intaken& result) {
  Item item{.arrival = arrival, .result = result};
  item.name = name_of(arrival);
  result.id = item.name.id;
  if (has_taken(arrival) && (options_.keep || is_what_was_taken(item).value_or(true))) {
    result.outcome = Outcome::forgotten;
    items.push_back(std::move(item));
  } else if (open(item)) {
    items.push_back(std::move(item));
  }
}

/// A seized file, as it is now. nullopt when it is gone or not regular.
std::optional<Arrival> Intake::arrival_of(const SeizedSource& source) const {
  const std::size_t leaf = source.original.rfind('/') + 1;
  Arrival arrival{.file = source.original.substr(leaf),
                  .directory = Item::kSeized,
                  .below = source.original.substr(0, leaf)};
  struct stat& status = arrival.status;
  const auto found =
      queue_.sys().statx(source.directory, source.file.c_str(), status, arrival.born);
  if (!found.ok() || !S_ISREG(status.st_mode)) return std::nullopt;
  return arrival;
}

/// Files that could not be put back: they are put back now, or taken from where they are, when
/// their writers have gone.
void Intake::begin_kept(std::vector<Item>& items, KeptItems& kept) {
  if (!sources_.has_kept()) return;
  Sys& sys = queue_.sys();
  sources_.put_back_kept();
  if (options_.keep) return;
  kept.kept = sources_.kept();
  kept.arrivals.reserve(kept.kept.size());
  kept.results.reserve(kept.kept.size());
  for (const SeizedSources::Kept& each : kept.kept) {
    const SeizedSource& source = each.source;
    auto found = arrival_of(source);
    if (!found) continue;
    const struct stat& status = found->status;
    const auto writer = has_writer(sys, source.directory, source.file);
    const Duration age = queue_.now() - Time{Duration{std::int64_t{status.st_ctim.tv_sec} * 1000}};
    const bool is_quiet = writer ? !*writer : age > queue_.settings()->settle * kBlindFactor;
    if (!is_quiet) continue;
    queue_.log(LogLevel::notice, fmt::format("{} is taken from {}, where it was kept",
                                             escaped(source.original), source.file));
    Item item{.arrival = kept.arrivals.emplace_back(std::move(*found)),
              .result = kept.results.emplace_back()};
    item.source = source;
    item.name = name_of(item.arrival);
    if (has_taken(item.arrival) && is_what_was_taken(item).value_or(true)) {
      item.result.outcome = Outcome::forgotten;
    } else if (!open(item)) {
      continue;
    }
    items.push_back(std::move(item));
  }
}

SysResult Intake::open_source(const Item& item) const {
  const bool is_seized = item.is_seized();
  return queue_.sys().openat(is_seized ? item.source.directory : directory_of(item.arrival),
                             is_seized ? item.source.file.c_str() : item.arrival.file.c_str(),
                             kReadFlags);
}

/// Records the private names of all sources and of their markers.
void Intake::announce(std::vector<Item>& items) {
  std::vector<SeizedSource*> announced;
  for (Item& item : items) {
    if (item.was_seized_before()) continue;
    item.source.original = item.arrival.below + item.arrival.file;
    announced.push_back(&item.source);
    for (const std::string& marker : item.arrival.markers) {
      item.markers.push_back({.original = item.arrival.below + marker, .is_marker = true});
    }
  }
  for (Item& item : items) {
    for (SeizedSource& marker : item.markers) announced.push_back(&marker);
  }
  sources_.announce(announced);
}

/// Whether a name is what was judged.
bool Intake::is_as_judged(const Arrival& arrival) const {
  struct stat now = {};
  return queue_.sys().fstatat(directory_of(arrival), arrival.file.c_str(), now).ok() &&
         is_unchanged(arrival, now);
}

/// The markers go before their files are taken: what stays would vouch for the next one. The
/// journal says that they were there.
void Intake::remove_markers(std::vector<Item>& items) {
  std::vector<IntakeJournal::Record> records;
  for (const Item& item : items) {
    if (item.is_wanted() && !item.markers.empty()) {
      records.push_back({keys_of(item.arrival).key, "-"});
    }
  }
  if (!records.empty()) journal().add(records);
  std::set<int> directories;
  std::vector<const SeizedSource*> removed;
  for (Item& item : items) {
    for (SeizedSource& marker : item.markers) {
      if (item.stays || !remove_marker(item, marker)) continue;
      removed.push_back(&marker);
      directories.insert({marker.directory, directory_of(item.arrival)});
    }
  }
  for (const int directory : directories) sync_foreign_directory(queue_.sys(), directory, path_);
  for (const SeizedSource* marker : removed) sources_.end(*marker);
  // What was judged is not there any more.
  for (const Item& item : items) {
    if (item.stays && item.result.outcome == Outcome::changed) forget(item.arrival);
  }
}

/// True when something was removed. A marker that is there when its file is another one by now is
/// that one's.
bool Intake::remove_marker(Item& item, SeizedSource& marker) {
  const int directory = directory_of(item.arrival);
  const std::string file = marker.original.substr(item.arrival.below.size());
  SysResult result = sources_.seize(marker, directory, file);
  if (result.error() == EXDEV) result = sources_.seize(marker, directory, file);
  if (result.error() == ENOENT) return false;
  if (result.ok() && !is_as_judged(item.arrival)) {
    sources_.put_back(marker, directory, file);
    item.stays = true;
    return false;
  }
  if (result.ok()) result = sources_.remove(marker);
  if (result.ok()) return true;
  const std::error_code code{result.error(), std::generic_category()};
  if (!marker.file.empty()) sources_.put_back(marker, directory, file);
  if (!is_forbidden(code)) throw_errno(result.error(), "unlink", path_ + "/" + marker.original);
  if (item.result.outcome == Outcome::forgotten) {
    warn_of_source(item, file, code);
  } else {
    refuse(item.result, Error{code, "unlink", path_ + "/" + marker.original});
  }
  item.stays = true;
  return false;
}

void Intake::forget(const Arrival& arrival) {
  if (journal_) journal_->forget({keys_of(arrival)});
}

bool Intake::remove_markers(const Arrival& arrival) {
  if (arrival.markers.empty()) return is_as_judged(arrival);
  std::vector<Item> items;
  Intaken result;
  items.push_back({.arrival = arrival, .result = result});
  announce(items);
  remove_markers(items);
  sources_.settle();
  if (result.error) throw Error{result.error, "unlink", path_ + "/" + arrival.markers.front()};
  return !items.front().stays;
}

/// Renames a source to its private name, and looks again at what it got: true when that is what is
/// open as `fd`, as it was found complete. Anything else is put back. Throws the errno.
bool Intake::seize(Item& item, int fd, WriterHold& writers) {
  Sys& sys = queue_.sys();
  const Arrival& arrival = item.arrival;
  const int directory = directory_of(arrival);
  if (!item.is_seized()) {
    SysResult seized = sources_.seize(item.source, directory, arrival.file);
    if (seized.error() == EXDEV && !by_rename_) {
      seized = sources_.seize(item.source, directory, arrival.file);
    }
    if (seized.error() == ENOENT) return false;
    if (!seized.ok()) {
      const bool is_theirs =
          seized.error() == EROFS || is_forbidden({seized.error(), std::generic_category()});
      throw_errno(seized.error(), "rename", path_of(arrival),
                  is_theirs ? "--keep copies files and leaves them there" : "");
    }
  }
  struct stat got = {};
  struct stat wanted = {};
  if (sys.fstatat(item.source.directory, item.source.file.c_str(), got).ok() &&
      sys.fstat(fd, wanted).ok() && is_same_file(got, wanted) &&
      is_left_alone(arrival, fd, writers)) {
    return true;
  }
  put_back(item);
  return false;
}

void Intake::put_back(Item& item) {
  if (!item.is_seized() || item.was_seized_before()) return;
  sources_.put_back(item.source, directory_of(item.arrival), item.arrival.file);
  item.result.was_put_back = true;
  item.source.file.clear();
}

/// Whether the content is that of the copy: another file may have the same inode number, size, time
/// and name by now, and what is removed has to be in the queue. nullopt when it cannot be opened.
std::optional<bool> Intake::is_what_was_taken(const Item& item) const {
  const Arrival& arrival = item.arrival;
  const auto copy = journal_->copy_of(keys_of(arrival));
  if (!copy || !copy->checksum) return true;
  const SysResult opened = open_source(item);
  if (!opened.ok()) return std::nullopt;
  const UniqueFd fd{queue_.sys(), opened};
  Checksum checksum;
  read_all(queue_.sys(), fd.get(), path_of(arrival),
           [&](std::string_view bytes) { checksum.update(bytes); });
  return checksum.value() == *copy->checksum;
}

/// False, with the outcome, when it is not as it was, or not ours to read.
bool Intake::open(Item& item) {
  const Arrival& arrival = item.arrival;
  const SysResult opened = open_source(item);
  if (opened.error() == ENOENT || opened.error() == ELOOP || opened.error() == ENXIO) return false;
  try {
    if (opened.error() == EWOULDBLOCK) {
      throw_errno(EBUSY, "open", path_of(arrival), "somebody has a lease on it, to write");
    }
    if (!opened.ok()) throw_errno(opened.error(), "open", path_of(arrival));
    item.fd = UniqueFd{queue_.sys(), opened};
    struct stat status = {};
    struct timespec born = {};
    if (const auto result = queue_.sys().statx(item.fd.get(), "", status, born); !result.ok()) {
      throw_errno(result.error(), "stat", path_of(arrival));
    }
    const bool is_another = keeps_birth_times_ && (born.tv_sec != arrival.born.tv_sec ||
                                                   born.tv_nsec != arrival.born.tv_nsec);
    if (is_another || !is_unchanged(arrival, status)) return false;
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
  bool any = false;
  for (Item& item : items) {
    if (!item.is_wanted()) continue;
    rename_one(item);
    if (!by_rename_) break;
    any = any || item.result.outcome == Outcome::taken;
  }
  if (!any) return;
  try {
    queue_.durability().sync_changed({State::ready}, sources_.intake(), queue_.path() + "/intake");
    sync_foreign_directory(queue_.sys(), directory_.get(), path_);
  } catch (const Error&) {
    queue_.durability().condemn();
    throw_errc(errc::indeterminate, "take from", path_);
  }
  std::vector<IntakeKeys> keys;
  for (const Item& item : items) {
    if (item.result.outcome != Outcome::taken) continue;
    sources_.end(item.source);
    keys.push_back(keys_of(item.arrival));
  }
  if (journal_) journal_->forget(keys);
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
  queue_.store().sync_file(item.fd.get(), path_of(arrival));
  try {
    // Until it has its new name, or the old one again, who wants to write to it waits.
    WriterHold writers{sys, item.fd.get()};
    if (!is_left_alone(item.arrival, item.fd.get(), writers)) return;
    if (!seize(item, item.fd.get(), writers)) return;
    // No other process moves what has a private name.
    if (!queue_.store().bring_in(item.source.directory, path_, item.source.file,
                                 {State::ready, item.name, {}}, Ballast::keep)) {
      sources_.end(item.source);
      return;
    }
  } catch (const Error& error) {
    if (error.code() == std::errc::cross_device_link) {
      by_rename_ = false;
      return;
    }
    put_back(item);
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
  return is_unchanged(arrival, stat_file(queue_.sys(), fd, path_of(arrival)));
}

void Intake::copy_all(std::vector<Item>& items) {
  std::vector<IntakeJournal::Record> records;
  if (!items.empty()) journal();
  for (Item& item : items) {
    if (!item.is_wanted()) continue;
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

/// Leaves a copy in the journal's folder, or says why not. A source that is not to stay is seized
/// first, so that no other program takes it as well.
void Intake::copy_one(Item& item) {
  try {
    if (copy_content(item)) return;
  } catch (const Error& error) {
    if (!is_about_one_file(error.code())) {
      put_back(item);
      throw;
    }
    refuse(item.result, error);
  }
  put_back(item);
}

/// False when the source is not what it was, or cannot be read.
bool Intake::copy_content(Item& item) {
  const Arrival& arrival = item.arrival;
  Sys& sys = queue_.sys();
  auto copy = std::make_unique<PendingMessage>(queue_, Destination{State::ready, item.name, {}},
                                               *item.name.size);
  set_headers(sys, copy->descriptor(), arrival.headers, path_of(arrival));
  if (!options_.keep) {
    WriterHold writers{sys, item.fd.get()};
    if (!is_left_alone(arrival, item.fd.get(), writers)) return false;
    if (!seize(item, item.fd.get(), writers)) return false;
  }
  std::array<char, kBufferSize> buffer;
  std::uint64_t size = 0;
  for (;;) {
    const SysResult got = sys.read(item.fd.get(), buffer.data(), buffer.size());
    if (!got.ok()) {
      // Its disk is not ours: the others may be readable.
      const std::error_code code{got.error(), std::generic_category()};
      refuse(item.result, Error{code, "read", path_of(arrival)});
      return false;
    }
    if (got.value() == 0) break;
    size += static_cast<std::uint64_t>(got.value());
    if (size > *item.name.size) return false;  // It grows.
    copy->write({buffer.data(), static_cast<std::size_t>(got.value())});
  }
  // Through another name, or a descriptor that was handed on, it can be written to all the same.
  WriterHold writers{sys, item.fd.get()};
  if (size != *item.name.size || !is_left_alone(arrival, item.fd.get(), writers)) return false;
  const std::string& called = arrival.name ? arrival.name->original : arrival.file;
  if (copy->destination().name.original != called) set_whole_name(sys, copy->descriptor(), called);
  item.staged = copy->stage(journal().folder());
  item.copy = std::move(copy);
  return true;
}

/// Of those that are messages.
void Intake::remove_parts(std::vector<Item>& items) {
  Sys& sys = queue_.sys();
  std::set<int> directories;
  for (Item& item : items) {
    if (!item.goes()) continue;
    const int directory = directory_of(item.arrival);
    for (const std::string& part : item.arrival.parts) {
      const SysResult removed = sources_.remove_part(directory, part);
      if (!removed.ok() && removed.error() != ENOENT) {
        const std::error_code code{removed.error(), std::generic_category()};
        const std::string path = fmt::format("{}/{}{}", path_, item.arrival.below, part);
        if (!is_forbidden(code)) throw Error{code, "unlink", path};
        put_back(item);
        warn_of_source(item, part, code);
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
  const auto goes = [](const Item& item) { return item.goes(); };
  if (std::none_of(items.begin(), items.end(), goes)) return;
  remove_parts(items);
  std::vector<IntakeKeys> keys;
  std::vector<const SeizedSource*> removed;
  std::set<int> directories;
  for (Item& item : items) {
    if (!item.goes() || !remove_source(item)) continue;
    directories.insert(item.is_seized() ? item.source.directory : directory_of(item.arrival));
    directories.insert(directory_of(item.arrival));
    removed.push_back(&item.source);
    keys.push_back(keys_of(item.arrival));
  }
  for (const int directory : directories) sync_foreign_directory(sys, directory, path_);
  for (const SeizedSource* source : removed) sources_.end(*source);
  journal().forget(keys);
}

/// True when it is gone.
bool Intake::remove_source(Item& item) {
  Sys& sys = queue_.sys();
  const Arrival& arrival = item.arrival;
  const SysResult opened = open_source(item);
  if (opened.error() == ENOENT) return true;
  try {
    if (!opened.ok()) throw_errno(opened.error(), "open", path_of(arrival));
    const UniqueFd fd{sys, opened};
    WriterHold writers{sys, fd.get()};
    if (!item.is_seized() && !is_left_alone(arrival, fd.get(), writers)) return false;
    if (!seize(item, fd.get(), writers)) return false;
  } catch (const Error& error) {
    if (error.code().category() != std::generic_category()) throw;
    put_back(item);
    warn_of_source(item, arrival.file, error.code());
    return false;
  }
  const SysResult removed = sources_.remove(item.source);
  if (!removed.ok() && removed.error() != ENOENT) {
    put_back(item);
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
