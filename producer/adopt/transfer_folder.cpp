// Looking at, opening and seizing the files of a folder.
#include "producer/adopt/transfer_folder.hpp"

#include <fmt/core.h>

#include <cerrno>

#include "queue/os/checksum.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/limits.hpp"

namespace spoolq::detail {
namespace {

bool keeps_birth_times_in(Sys& sys, int directory, const std::string& path) {
  FileSystemInfo file_system;
  require(sys.file_system(directory, file_system), "statfs", path);
  return keeps_birth_times(file_system);
}

}  // namespace

TransferFolder::TransferFolder(OpenQueue& queue, const std::string& path, TransferOptions options)
    : queue_{queue},
      path_{path},
      options_{options},
      directory_{open_directory(queue.sys(), path)},
      keeps_birth_times_{keeps_birth_times_in(queue.sys(), directory_.get(), path)},
      is_same_mount_{queue.folders().is_same_mount(queue.sys(), directory_.get(), path)},
      by_rename_{!options.keep && !options.always_copy && is_same_mount_},
      sources_{queue, path, directory_.get(), is_same_mount_} {}

void TransferFolder::open_journal() {
  const bool exists = TransferJournal::exists(queue_, path_);
  if (options_.look_only) {
    if (exists) journal_.emplace(queue_, path_, TransferJournal::Access::look);
  } else if (!by_rename_ || exists) {
    journal_.emplace(queue_, path_);
  }
}

TransferJournal& TransferFolder::journal() {
  if (!journal_) journal_.emplace(queue_, path_);
  return *journal_;
}

FileIdentity TransferFolder::identity_of(const Arrival& arrival) const {
  return detail::identity_of(arrival.status, keeps_birth_times_ ? arrival.born : timespec{});
}

bool TransferFolder::has_taken(const Arrival& arrival) const {
  return journal_ && journal_->has_copied(key_of(arrival));
}

bool TransferFolder::has_begun(const Arrival& arrival) const {
  return journal_ && journal_->has_marked(key_of(arrival));
}

std::string TransferFolder::key_of(const Arrival& arrival) const {
  return journal_key(arrival.below + arrival.file, arrival.status,
                     keeps_birth_times_ ? arrival.born : timespec{});
}

/// Whether no process has written to it in between. The time of change does not count: a link,
/// another name or another mode leaves the content as it is.
bool TransferFolder::is_unchanged(const Arrival& arrival, const struct stat& now) const {
  const struct stat& before = arrival.status;
  return is_same_file(before, now) && before.st_size == now.st_size &&
         before.st_mtim.tv_sec == now.st_mtim.tv_sec &&
         before.st_mtim.tv_nsec == now.st_mtim.tv_nsec &&
         (before.st_mode & S_IFMT) == (now.st_mode & S_IFMT);
}

int TransferFolder::directory_of(const Arrival& arrival) const {
  return arrival.directory >= 0 ? arrival.directory : directory_.get();
}

std::string TransferFolder::path_of(const Arrival& arrival) const {
  return fmt::format("{}/{}{}", path_, arrival.below, arrival.file);
}

MessageName TransferFolder::name_of(const Arrival& arrival) const {
  MessageName name =
      arrival.name ? *arrival.name : derive_name(queue_, arrival.file, identity_of(arrival));
  name.size = static_cast<std::uint64_t>(arrival.status.st_size);
  fit_name(name);
  return name;
}

std::optional<Arrival> TransferFolder::arrival_of(const SeizedSource& source) const {
  const std::size_t leaf = source.original.rfind('/') + 1;
  Arrival arrival{.file = source.original.substr(leaf),
                  .directory = TransferItem::kSeized,
                  .below = source.original.substr(0, leaf)};
  struct stat& status = arrival.status;
  const auto found =
      queue_.sys().statx(source.directory, source.file.c_str(), status, arrival.born);
  if (!found.ok() || !S_ISREG(status.st_mode)) return std::nullopt;
  return arrival;
}

SysResult TransferFolder::open_source(const TransferItem& item) const {
  const bool is_seized = item.is_seized();
  return queue_.sys().openat(is_seized ? item.source.directory : directory_of(item.arrival),
                             is_seized ? item.source.file.c_str() : item.arrival.file.c_str(),
                             kReadFlags);
}

void TransferFolder::announce(std::vector<TransferItem>& items) {
  std::vector<SeizedSource*> announced;
  for (TransferItem& item : items) {
    if (item.was_seized_before()) continue;
    item.source.original = item.arrival.below + item.arrival.file;
    announced.push_back(&item.source);
    for (const std::string& marker : item.arrival.markers) {
      item.markers.push_back({.original = item.arrival.below + marker, .is_marker = true});
    }
  }
  for (TransferItem& item : items) {
    for (SeizedSource& marker : item.markers) announced.push_back(&marker);
  }
  sources_.announce(announced);
}

bool TransferFolder::is_as_found(const Arrival& arrival) const {
  struct stat now = {};
  return queue_.sys().fstatat(directory_of(arrival), arrival.file.c_str(), now).ok() &&
         is_unchanged(arrival, now);
}

bool TransferFolder::seize(TransferItem& item, int fd, WriterHold& writers) {
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

void TransferFolder::put_back(TransferItem& item) {
  if (!item.is_seized() || item.was_seized_before()) return;
  sources_.put_back(item.source, directory_of(item.arrival), item.arrival.file);
  item.result.was_put_back = true;
  item.source.file.clear();
}

std::optional<bool> TransferFolder::is_what_was_taken(const TransferItem& item) const {
  const Arrival& arrival = item.arrival;
  const auto copy = journal_->copy_of(key_of(arrival));
  if (!copy || !copy->checksum) return true;
  const SysResult opened = open_source(item);
  if (!opened.ok()) return std::nullopt;
  const UniqueFd fd{queue_.sys(), opened};
  Checksum checksum;
  read_all(queue_.sys(), fd.get(), path_of(arrival),
           [&](std::string_view bytes) { checksum.update(bytes); });
  return checksum.value() == *copy->checksum;
}

bool TransferFolder::open(TransferItem& item) {
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
    require(queue_.sys().statx(item.fd.get(), "", status, born), "stat", path_of(arrival));
    const bool is_another = keeps_birth_times_ && (born.tv_sec != arrival.born.tv_sec ||
                                                   born.tv_nsec != arrival.born.tv_nsec);
    if (is_another || !is_unchanged(arrival, status)) return false;
    require_max_size(queue_, static_cast<std::uint64_t>(status.st_size));
    return true;
  } catch (const Error& error) {
    refuse_or_rethrow(item.result, error);
    return false;
  }
}

bool TransferFolder::is_left_alone(const Arrival& arrival, int fd, WriterHold& writers) const {
  if (!options_.despite_writers && writers.has_writer() == true) return false;
  return is_unchanged(arrival, stat_file(queue_.sys(), fd, path_of(arrival)));
}

void TransferFolder::leave_source(TransferItem& item, const std::string& file,
                                  const std::error_code& code) {
  put_back(item);
  item.stays = true;
  const std::string path = fmt::format("{}/{}{}", path_, item.arrival.below, file);
  queue_.warn_once(path, fmt::format("{} was taken and cannot be removed ({}); to leave what is "
                                     "taken there is --keep",
                                     escaped(path), code.message()));
}

void TransferFolder::forget(const std::vector<std::string>& keys) {
  if (journal_) journal_->forget(keys);
}

}  // namespace spoolq::detail
