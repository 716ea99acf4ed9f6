// Telling messages, strangers' files and other things in new/ apart.
#include "queue/store/foreign_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "queue/os/files.hpp"
#include "queue/os/unique_fd.hpp"

namespace spoolq::detail {
namespace {

// The endings under which browsers, editors and copy programs write what is not finished.
constexpr std::array<std::string_view, 4> kUnfinishedEndings{".tmp", ".part", ".crdownload", "~"};
}  // namespace

Time time_of(const struct timespec& time) {
  return Time{
      std::chrono::milliseconds{std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000}};
}

EntryKind classify(OpenQueue& queue, std::string_view name, unsigned char type) {
  if (type == DT_UNKNOWN) {
    struct stat status = {};
    if (!queue.store().stat(Store::place(State::ready, name), status).ok()) {
      return EntryKind::left_alone;
    }
    type = static_cast<unsigned char>(IFTODT(status.st_mode));
  }
  if (type == DT_DIR || is_temporary_name(name)) return EntryKind::left_alone;
  if (type != DT_REG) return EntryKind::not_a_message;
  return parse_name(name) ? EntryKind::message : EntryKind::foreign;
}

bool is_temporary_name(std::string_view name) {
  return name.starts_with('.') ||
         std::any_of(kUnfinishedEndings.begin(), kUnfinishedEndings.end(),
                     [name](std::string_view ending) { return name.ends_with(ending); });
}

bool is_maildir_name(std::string_view name) {
  const std::size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
  if (digits < 9 || digits > 11 || digits == name.size() || name[digits] != '.') return false;
  const std::string_view rest = name.substr(digits + 1);
  const std::size_t dot = rest.find('.');
  return dot != std::string_view::npos && dot > 0 && dot + 1 < rest.size();
}

bool keeps_birth_times(const FileSystemInfo& file_system) {
  return file_system.type != OVERLAYFS_SUPER_MAGIC;
}

FileIdentity identity_of(const struct stat& status, const struct timespec& born) {
  FileIdentity identity{.inode = status.st_ino,
                        .size = static_cast<std::uint64_t>(status.st_size),
                        .modified = time_of(status.st_mtim)};
  if (born.tv_sec != 0 || born.tv_nsec != 0) {
    identity.born_ns = std::int64_t{born.tv_sec} * 1'000'000'000 + born.tv_nsec;
  }
  return identity;
}

MessageName derive_name(const OpenQueue& queue, std::string_view file,
                        const FileIdentity& identity) {
  MessageName name;
  name.id = derive_message_id(queue.queue_id(), identity, file);
  name.original = file;
  fit_name(name);
  return name;
}

std::optional<bool> has_writer(Sys& sys, int directory, const std::string& file) {
  const SysResult opened = sys.openat(directory, file.c_str(), kReadFlags);
  // Somebody has a write lease, as file servers take them for clients that write.
  if (opened.error() == EWOULDBLOCK) return true;
  if (!opened.ok()) return std::nullopt;
  const UniqueFd fd{sys, opened};
  return WriterHold{sys, fd.get()}.has_writer();
}

WriterHold::~WriterHold() {
  if (leased_) static_cast<void>(sys_.set_lease(fd_, F_UNLCK));
}

std::optional<bool> WriterHold::has_writer() {
  // A read lease is granted only while nobody has the file open for writing (fcntl(2)). Who begins
  // to open it counts at once, and then waits for the lease to end: so a second request tells.
  const SysResult leased = sys_.set_lease(fd_, F_RDLCK);
  if (leased.error() == EAGAIN) return true;
  if (!leased.ok()) return std::nullopt;
  leased_ = true;
  return false;
}

}  // namespace spoolq::detail
