// Private names for sources, and the record of them.
#include "queue/store/seize.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include "queue/format/message_id.hpp"
#include "queue/format/message_name.hpp"
#include "queue/os/directory_scan.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/durability.hpp"
#include "queue/store/intake_folder.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

constexpr std::string_view kPrivatePrefix = ".spoolq.";
constexpr std::size_t kTokenSize = 16;
constexpr int kAttempts = 16;

std::string private_name(const std::string& token) { return std::string{kPrivatePrefix} + token; }

std::string to_hex(std::string_view text) {
  std::string hex;
  for (const char c : text) hex += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
  std::string text;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    unsigned value = 0;
    const auto [end, error] = std::from_chars(hex.data(), hex.data() + 2, value, 16);
    if (error != std::errc{} || end != hex.data() + 2) return std::nullopt;
    text.push_back(static_cast<char>(value));
  }
  return hex.empty() && !text.empty() ? std::optional{text} : std::nullopt;
}

/// What stands behind the name of a marker.
constexpr std::string_view kMarker = " -";

std::string line_of(const SeizedSource& source) {
  return fmt::format("{} {}{}\n", source.token, to_hex(source.original),
                     source.is_marker ? kMarker : "");
}

/// The sources of the whole lines.
std::vector<SeizedSource> parse_record(std::string_view text) {
  std::vector<SeizedSource> sources;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    const bool is_marker = line.ends_with(kMarker);
    if (is_marker) line.remove_suffix(kMarker.size());
    if (line.size() <= kTokenSize + 1 || line[kTokenSize] != ' ') continue;
    const std::string_view token = line.substr(0, kTokenSize);
    auto original = from_hex(line.substr(kTokenSize + 1));
    if (!is_consumer_name(token) || !original) continue;
    sources.push_back(
        {.token = std::string{token}, .original = std::move(*original), .is_marker = is_marker});
  }
  return sources;
}

std::pair<std::string, std::string> split(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {"", path};
  return {path.substr(0, slash), path.substr(slash + 1)};
}

}  // namespace

SeizedSources::SeizedSources(OpenQueue& queue, std::string path, int folder, bool same_mount)
    : queue_{queue}, path_{std::move(path)}, folder_{folder}, same_mount_{same_mount} {}

SeizedSources::~SeizedSources() {
  if (record_name_.empty() || process_.foreign()) return;
  // What is not put back, or not for good, is the next one's.
  if (!seized_.empty() || !changed_.empty()) return;
  static_cast<void>(queue_.sys().unlinkat(intake_.get(), record_name_.c_str()));
}

std::string SeizedSources::path_of(const SeizedSource& source) const {
  return fmt::format("{}/{}", path_, source.original);
}

std::string SeizedSources::record_name(std::string_view token) const {
  return fmt::format("{}.{}", intake_folder_name(path_), token);
}

void SeizedSources::recover(const std::function<bool(const SeizedSource&)>& is_message) {
  Sys& sys = queue_.sys();
  if (!intake_) intake_ = open_intake_folder(queue_);
  if (!intake_) return;
  const std::string prefix = record_name("");
  std::vector<std::string> records;
  scan_directory(sys, intake_.get(), queue_.path() + "/intake", [&](const DirectoryEntry& entry) {
    if (entry.name.starts_with(prefix)) records.emplace_back(entry.name);
    return true;
  });
  for (const std::string& record : records) finish(record, is_message);
  settle();
}

/// Finishes what the process has begun that had this record, if it is dead.
void SeizedSources::finish(const std::string& record,
                           const std::function<bool(const SeizedSource&)>& is_message) {
  Sys& sys = queue_.sys();
  const LockFd lock{sys, [&] {
                      return sys.openat(intake_.get(), record.c_str(),
                                        O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
                    }};
  if (lock.error() == ENOENT) return;
  const std::string path = fmt::format("{}/intake/{}", queue_.path(), record);
  if (lock.error() != 0) throw_errno(lock.error(), "open", path);
  const SysResult locked = sys.flock(lock.get(), LOCK_EX | LOCK_NB);
  if (locked.error() == EWOULDBLOCK) return;
  require(locked, "lock", path);
  // Another process may have finished it meanwhile.
  struct stat status = {};
  if (!sys.fstat(lock.get(), status).ok() || status.st_nlink == 0) return;
  const auto text = read_whole_file(sys, intake_.get(), record.c_str(), path);
  std::vector<UniqueFd> opened;
  for (SeizedSource& source : parse_record(text.value_or(""))) {
    const UniqueFd& directory = opened.emplace_back(open_directory_of(source.original));
    if (!find(source, directory.get())) continue;
    // Under its old name another program could take it once more.
    if (!source.is_marker && is_message(source) &&
        sys.unlinkat(source.directory, source.file.c_str()).ok()) {
      changed_.insert(source.directory);
      continue;
    }
    // It is ours from now on: the record that says so comes first.
    if (!rename_back(source, directory.get(), split(source.original).second)) {
      open_record();
      append(line_of(source));
      seized_.insert(source.token);
      kept_.push_back(std::move(source));
    }
  }
  settle();
  static_cast<void>(sys.unlinkat(intake_.get(), record.c_str()));
}

/// The directory that a source belongs into; empty when it is gone.
UniqueFd SeizedSources::open_directory_of(const std::string& original) {
  Sys& sys = queue_.sys();
  UniqueFd directory{sys, sys.openat(folder_, ".", kDirectoryFlags)};
  std::string below = split(original).first;
  while (!below.empty() && directory) {
    const std::size_t slash = std::min(below.find('/'), below.size());
    directory =
        UniqueFd{sys, sys.openat(directory.get(), below.substr(0, slash).c_str(), kDirectoryFlags)};
    below.erase(0, slash + 1);
  }
  return directory;
}

/// Finds out where a seized file is. False when it is nowhere.
bool SeizedSources::find(SeizedSource& source, int directory) {
  struct stat status = {};
  source.directory = intake_.get();
  source.file = source.token;
  if (queue_.sys().fstatat(source.directory, source.file.c_str(), status).ok()) return true;
  source.directory = directory;
  source.file = private_name(source.token);
  return directory >= 0 && queue_.sys().fstatat(source.directory, source.file.c_str(), status).ok();
}

void SeizedSources::open_record() {
  if (record_.get() >= 0) return;
  Sys& sys = queue_.sys();
  UniqueFd made_now = make_intake_folder(queue_);
  if (!intake_) intake_ = std::move(made_now);
  for (int i = 0; i < kAttempts; ++i) {
    const std::string name = record_name(random_token());
    const std::string path = fmt::format("{}/intake/{}", queue_.path(), name);
    LockFd made{sys, [&] {
                  return sys.openat(intake_.get(), name.c_str(),
                                    O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
                                    0600);
                }};
    if (made.error() != 0) throw_errno(made.error(), "create", path);
    // Whoever may use the queue may have to finish it.
    static_cast<void>(sys.fchmod(made.get(), queue_.settings()->file_mode()));
    const SysResult locked = sys.flock(made.get(), LOCK_EX | LOCK_NB);
    // Another process may have taken it for that of a dead one.
    if (locked.error() == EWOULDBLOCK) continue;
    require(locked, "lock", path);
    if (stat_file(sys, made.get(), path).st_nlink == 0) continue;
    sync_foreign_directory(sys, intake_.get(), path);
    record_ = std::move(made);
    record_name_ = name;
    return;
  }
  throw_errno(EAGAIN, "lock", queue_.path() + "/intake");
}

void SeizedSources::append(const std::string& lines) {
  queue_.durability().append(record_.get(), lines, size_,
                             fmt::format("{}/intake/{}", queue_.path(), record_name_));
}

void SeizedSources::announce(const std::vector<SeizedSource*>& sources) {
  if (sources.empty()) return;
  std::string lines;
  for (SeizedSource* const source : sources) {
    source->token = random_token();
    lines += line_of(*source);
  }
  queue_.durability().require_sound(queue_.path());
  open_record();
  append(lines);
}

SysResult SeizedSources::seize(SeizedSource& source, int directory, const std::string& file) {
  const int to = same_mount_ ? intake_.get() : directory;
  std::string name = same_mount_ ? source.token : private_name(source.token);
  const SysResult renamed = rename_new(queue_.sys(), directory, file.c_str(), to, name.c_str());
  if (renamed.ok()) {
    seized_.insert(source.token);
    source.directory = to;
    source.file = std::move(name);
    return renamed;
  }
  if (renamed.error() == EXDEV) same_mount_ = false;
  return renamed;
}

/// Without replacing anything, on every file system: where that cannot be had, it stays.
bool SeizedSources::rename_back(const SeizedSource& source, int directory,
                                const std::string& file) {
  if (directory < 0) return false;
  Sys& sys = queue_.sys();
  const SysResult renamed = sys.renameat2(source.directory, source.file.c_str(), directory,
                                          file.c_str(), RENAME_NOREPLACE);
  bool is_back = renamed.ok();
  if (renamed.error() == ENOENT) {
    // Another process has put it back; or the folder was removed, and the file stays.
    struct stat status = {};
    is_back = sys.fstatat(source.directory, source.file.c_str(), status).error() == ENOENT;
  }
  // A power cut may have left both names; and one marker is as good as another.
  if (renamed.error() == EEXIST &&
      (source.is_marker || is_same_file(sys, source.directory, source.file, directory, file))) {
    is_back = sys.unlinkat(source.directory, source.file.c_str()).ok();
  }
  if (!is_back) return false;
  changed_.insert(directory);
  changed_.insert(source.directory);
  return true;
}

void SeizedSources::put_back(const SeizedSource& source, int directory, const std::string& file) {
  if (rename_back(source, directory, file)) {
    end(source);
    return;
  }
  kept_.push_back(source);
  queue_.warn_once(path_of(source),
                   fmt::format("{} was replaced while it was taken; the file that had the name "
                               "before waits as {}",
                               escaped(path_of(source)), source.file));
}

SysResult SeizedSources::remove(const SeizedSource& source) {
  return queue_.sys().unlinkat(source.directory, source.file.c_str());
}

SysResult SeizedSources::remove_part(int directory, const std::string& file) {
  return queue_.sys().unlinkat(directory, file.c_str());
}

void SeizedSources::put_back_kept() {
  std::vector<SeizedSource> kept = std::exchange(kept_, {});
  std::vector<UniqueFd> opened;
  for (SeizedSource& source : kept) {
    const UniqueFd& directory = opened.emplace_back(open_directory_of(source.original));
    if (!find(source, directory.get())) {
      end(source);
    } else {
      put_back(source, directory.get(), split(source.original).second);
    }
  }
  settle();
}

std::vector<SeizedSources::Kept> SeizedSources::kept() {
  std::vector<Kept> found;
  for (const SeizedSource& source : kept_) {
    if (source.is_marker) continue;
    Kept each{source, open_directory_of(source.original)};
    if (find(each.source, each.directory.get())) found.push_back(std::move(each));
  }
  return found;
}

void SeizedSources::settle() {
  for (const int directory : std::exchange(changed_, {})) {
    sync_foreign_directory(queue_.sys(), directory, path_);
  }
  std::erase_if(kept_, [this](const auto& source) { return !seized_.contains(source.token); });
  if (!seized_.empty() || size_ == 0) return;
  // Not synced: a line about a file that has no private name does no harm.
  if (queue_.sys().ftruncate(record_.get(), 0).ok()) size_ = 0;
}

}  // namespace spoolq::detail
