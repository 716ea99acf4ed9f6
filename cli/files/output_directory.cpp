// Saving payloads as files.
//
// 1. Write `.spoolq-ID.tmp` in the folder and sync it. Its writer holds a lock on it, and so do the
//    jobs that write to it. A file of that name without a lock was left by a death and is removed,
//    under a lock. Beside a living writer, whose lease may be over, the name gets a random number.
// 2. Rename it to its name without overwriting. A file of that name with this very content is the
//    same message, delivered again because the program died before the acknowledgement: it stands
//    for the new one. Any other file stays, and the name gets .1, .2, …
// 3. Sync the folder.
#include "cli/files/output_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "cli/files/sync_directory.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"

namespace spoolq::cli {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;
/// Leaves room for a number behind it within NAME_MAX.
constexpr std::size_t kNameLengthMax = 240;
constexpr int kNumberMax = 100'000;
constexpr int kDraftsMax = 16;

/// A field of a message as part of a file name: no folder, not hidden.
std::string as_file_name(std::string_view field) {
  std::string result{field};
  bool leading = true;
  for (char& c : result) {
    leading = leading && c == '.';
    if (leading || c == '/' || c == '\0') c = '_';
  }
  return result;
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

/// Fills `buffer` as far as the file goes; -1 with errno on failure.
ssize_t read_full(int fd, std::span<char> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t count = ::read(fd, buffer.data() + filled, buffer.size() - filled);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return -1;
    if (count == 0) break;
    filled += static_cast<std::size_t>(count);
  }
  return static_cast<ssize_t>(filled);
}

/// An output file cannot be made: what the errno says of messages (such as "refused for now") does
/// not hold here.
Failure cannot_write(int error, const std::string& path) {
  const std::error_code code{error, std::generic_category()};
  ExitCode exit_code = kExitInputOutput;
  if (error == EACCES || error == EPERM || error == EROFS) exit_code = kExitPermission;
  if (error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG || error == ELOOP) {
    exit_code = kExitCannotCreate;
  }
  return Failure{exit_code, fmt::format("{}: {}", shown_path(path), code.message())};
}

}  // namespace

OutputDirectory::OutputDirectory(std::string path, std::string name_template)
    : path_{std::move(path)},
      name_template_{std::move(name_template)},
      fd_{::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)} {
  // Asked before anything is claimed: every claim counts as an attempt.
  if (fd_ < 0 || ::faccessat(fd_, ".", W_OK | X_OK, AT_EACCESS) != 0) {
    const int error = errno;
    if (fd_ >= 0) ::close(fd_);
    throw cannot_write(error, path_);
  }
}

OutputDirectory::~OutputDirectory() {
  if (fd_ >= 0) ::close(fd_);
}

OutputDirectory::Draft OutputDirectory::create(const MessageInfo& message) const {
  const std::string id = message.id.to_string();
  std::string name = fmt::format(".spoolq-{}.tmp", id);
  for (int i = 0; i < kDraftsMax; ++i) {
    if (auto draft = create_draft(name)) return std::move(*draft);
    if (!remove_dead_draft(name)) {
      name = fmt::format(".spoolq-{}-{:08x}.tmp", id, std::random_device{}());
    }
  }
  throw cannot_write(EEXIST, shown(name));
}

/// nullopt when there is a file of that name.
std::optional<OutputDirectory::Draft> OutputDirectory::create_draft(const std::string& name) const {
  Draft draft;
  draft.name = name;
  draft.file =
      File{::openat(fd_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666)};
  if (!draft.file && errno == EEXIST) return std::nullopt;
  struct stat status{};
  if (!draft.file || ::fstat(draft.file.get(), &status) != 0) {
    throw cannot_write(errno, shown(name));
  }
  draft.device = status.st_dev;
  draft.inode = status.st_ino;
  // Another process may have taken it for that of a dead one. Without locks, it is left alone.
  if (::flock(draft.file.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return std::nullopt;
  }
  if (!is_there(draft)) return std::nullopt;
  return draft;
}

/// Only who has a lock on a draft removes it. False when its writer lives, or may live.
bool OutputDirectory::remove_dead_draft(const std::string& name) const {
  Draft dead;
  dead.name = name;
  dead.file = File{::openat(fd_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)};
  if (!dead.file) return errno == ENOENT;
  struct stat status{};
  if (::flock(dead.file.get(), LOCK_EX | LOCK_NB) != 0 || ::fstat(dead.file.get(), &status) != 0) {
    return false;
  }
  dead.device = status.st_dev;
  dead.inode = status.st_ino;
  return !is_there(dead) || ::unlinkat(fd_, name.c_str(), 0) == 0;
}

void OutputDirectory::discard(const Draft& draft) const {
  if (is_there(draft)) ::unlinkat(fd_, draft.name.c_str(), 0);
}

std::string OutputDirectory::publish(Draft& draft, const MessageInfo& message) const {
  try {
    const std::string& temporary = draft.name;
    // A job may have removed it.
    if (!is_there(draft)) throw cannot_write(ENOENT, shown(temporary));
    // It stays open, and so locked, until it has its own name.
    if (::fsync(draft.file.get()) != 0) throw cannot_write(errno, shown(temporary));
    const std::string wanted = file_name(message);
    // A name made of fields only may well be meant for two messages with one content.
    const bool may_be_again =
        name_template_.find("{id}") != std::string::npos || message.attempts > 1;
    std::string name = wanted;
    for (int number = 1; !rename(temporary, name); ++number) {
      if (may_be_again && holds_same(name, temporary)) {
        if (::unlinkat(fd_, temporary.c_str(), 0) != 0) throw cannot_write(errno, shown(temporary));
        break;
      }
      if (number > kNumberMax) throw cannot_write(EEXIST, shown(wanted));
      name = fmt::format("{}.{}", wanted, number);
    }
    if (!sync_directory(fd_)) throw cannot_write(errno, path_);
    return shown(name);
  } catch (...) {
    discard(draft);
    throw;
  }
}

std::string OutputDirectory::save(Claim& claim) const {
  Draft draft = create(claim.info());
  try {
    std::vector<std::byte> buffer(kBufferSize);
    while (const std::size_t count = claim.read(buffer)) {
      if (!write_all(draft.file.get(), {reinterpret_cast<const char*>(buffer.data()), count})) {
        throw cannot_write(errno, shown(draft.name));
      }
    }
  } catch (...) {
    discard(draft);
    throw;
  }
  return publish(draft, claim.info());
}

std::string OutputDirectory::file_name(const MessageInfo& message) const {
  std::string name;
  std::string_view rest = name_template_;
  while (!rest.empty()) {
    const std::size_t open = rest.find('{');
    name += rest.substr(0, open);
    if (open == std::string_view::npos) break;
    const std::size_t close = rest.find('}', open);
    const std::string_view field = rest.substr(open + 1, close - open - 1);
    if (field == "id") name += message.id.to_string();
    if (field == "name") name += as_file_name(message.name);
    if (field == "key") name += as_file_name(message.key);
    if (field == "type") name += as_file_name(message.type);
    if (field == "priority") name += fmt::format("{}", message.priority);
    rest.remove_prefix(close + 1);
  }
  name.resize(utf8_cut(name, kNameLengthMax));
  if (name.empty()) return message.id.to_string();
  if (name == "." || name == "..") name.front() = '_';
  return name;
}

std::string OutputDirectory::shown(const std::string& name) const {
  return path_.ends_with('/') ? path_ + name : path_ + "/" + name;
}

bool OutputDirectory::holds_same(const std::string& name, const std::string& other) const {
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  const File there{::openat(fd_, name.c_str(), kFlags)};
  const File ours{::openat(fd_, other.c_str(), kFlags)};
  struct stat there_status{};
  struct stat our_status{};
  if (there.get() < 0 || ours.get() < 0 || ::fstat(there.get(), &there_status) != 0 ||
      ::fstat(ours.get(), &our_status) != 0 || !S_ISREG(there_status.st_mode) ||
      there_status.st_size != our_status.st_size) {
    return false;
  }
  std::vector<char> left(kBufferSize);
  std::vector<char> right(kBufferSize);
  while (true) {
    const ssize_t left_count = read_full(there.get(), left);
    const ssize_t right_count = read_full(ours.get(), right);
    if (left_count < 0 || left_count != right_count) return false;
    const auto count = static_cast<std::size_t>(left_count);
    if (std::string_view{left.data(), count} != std::string_view{right.data(), count}) return false;
    if (count < kBufferSize) break;
  }
  // It may have been written just before the death.
  return ::fsync(there.get()) == 0;
}

bool OutputDirectory::is_there(const Draft& draft) const {
  struct stat there{};
  return ::fstatat(fd_, draft.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         there.st_dev == draft.device && there.st_ino == draft.inode;
}

bool OutputDirectory::rename(const std::string& temporary, const std::string& name) const {
  if (::renameat2(fd_, temporary.c_str(), fd_, name.c_str(), RENAME_NOREPLACE) == 0) return true;
  if (errno == EINVAL || errno == ENOSYS) {
    // No such rename on this file system; a link does not overwrite either.
    if (::linkat(fd_, temporary.c_str(), fd_, name.c_str(), 0) == 0) {
      return ::unlinkat(fd_, temporary.c_str(), 0) == 0;
    }
  }
  if (errno == EEXIST) return false;
  throw cannot_write(errno, shown(name));
}

}  // namespace spoolq::cli
