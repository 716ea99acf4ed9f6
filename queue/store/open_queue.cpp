// Opening a queue, and noticing that its settings were changed.
#include "queue/store/open_queue.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "queue/format/message_name.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/mover.hpp"
#include "queue/store/queue_file.hpp"

namespace spoolq::detail {
namespace {

// f_type of file systems on which another machine, or a server process, may hold locks that we
// cannot see: NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph, AFS, Coda, NCP (statfs(2), linux/magic.h).
constexpr std::array<std::int64_t, 10> kDistantFileSystems{
    0x6969,     0x517B,     0xFF534D42, 0xFE534D42, 0x65735546,
    0x01021997, 0x00C36400, 0x5346414F, 0x73757245, 0x564C};

/// Files that were warned about are forgotten beyond this.
constexpr std::size_t kWarnedMax = 10'000;

}  // namespace

bool is_distant(const FileSystemInfo& file_system) {
  return std::find(kDistantFileSystems.begin(), kDistantFileSystems.end(), file_system.type) !=
         kDistantFileSystems.end();
}

OpenQueue::OpenQueue(Sys& sys, const std::string& path, LogHandler log)
    : sys_{sys}, folders_{sys, path}, durability_{sys, folders_}, log_{std::move(log)} {
  settings_version_ = version_of_file();
  const auto file = read_queue_file(sys_, folders_.root(), folders_.path());
  // A Maildir has no such folder: this is a queue whose init has not ended, or that a cleaner has
  // been to. Its settings are not guessed.
  if (!file && folders_.has(Folder::consumers)) {
    throw_errc(errc::not_a_queue, "open", folders_.path(),
               fmt::format("{} is missing; 'spoolq init {}' makes it again", kSettingsFile,
                           folders_.path()));
  }
  is_maildir_ = !file;
  settings_ = std::make_shared<const Settings>(file ? file->settings : Settings{});
  if (file) {
    queue_id_ = file->queue_id;
    for (int i = 0; i < kFolderCount; ++i) {
      const auto folder = static_cast<Folder>(i);
      if (folders_.has(folder)) continue;
      throw_errc(errc::not_a_queue, "open", folders_.path(folder),
                 fmt::format("it was removed; 'spoolq init {}' makes it again", folders_.path()));
    }
  }
  if (is_distant(folders_.file_system())) {
    locks_prove_death_ = false;
    this->log(LogLevel::warning,
              "on a network or FUSE file system a free lock does not prove that a consumer is "
              "dead: its claims are not taken back by themselves");
  }
}

std::shared_ptr<const Settings> OpenQueue::settings() const {
  const std::lock_guard lock{settings_mutex_};
  return settings_;
}

std::shared_ptr<Mover> OpenQueue::mover() {
  const std::lock_guard lock{mover_mutex_};
  if (!mover_) mover_ = std::make_shared<Mover>(*this);
  return mover_;
}

void OpenQueue::drop_mover() {
  std::shared_ptr<Mover> dropped;
  const std::lock_guard lock{mover_mutex_};
  dropped.swap(mover_);
}

OpenQueue::Version OpenQueue::version_of_file() const {
  struct stat status = {};
  if (!sys_.fstatat(folders_.root(), kSettingsFile, status).ok()) return {};
  return {status.st_ino,
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec};
}

void OpenQueue::refresh_settings() {
  const Version version = version_of_file();
  if (version == Version{}) {
    // It is never written from memory: what it said may have been changed since.
    if (!is_maildir_) {
      warn_once(kSettingsFile,
                fmt::format("{} cannot be found; going on with the settings as they were; "
                            "'spoolq init {}' makes it again",
                            kSettingsFile, path()));
    }
    return;
  }
  {
    const std::lock_guard lock{settings_mutex_};
    if (version == settings_version_) return;
    settings_version_ = version;
  }
  try {
    const auto file = read_queue_file(sys_, folders_.root(), folders_.path());
    if (!file) return;
    const std::lock_guard lock{settings_mutex_};
    // Another thread may have read a newer file meanwhile.
    if (settings_version_ == version) settings_ = std::make_shared<const Settings>(file->settings);
  } catch (const Error& error) {
    log(LogLevel::warning, fmt::format("settings not changed: {}", error.what()));
    if (error.code().category() == error_category()) return;
    // Not what is in the file but the reading went wrong: the next look reads it again.
    const std::lock_guard lock{settings_mutex_};
    if (settings_version_ == version) settings_version_ = {};
  }
}

void OpenQueue::configure(const std::vector<SettingChange>& changes) {
  const auto require_queue = [this](const std::optional<QueueFile>& file) {
    if (file) return;
    throw_errc(errc::not_a_queue, "configure", path(),
               fmt::format("a Maildir; 'spoolq init {}' makes it a queue", path()));
  };
  require_queue(read_queue_file(sys_, folders_.root(), folders_.path()));
  const QueueFileLock lock{sys_, folders_};
  auto file = read_queue_file(sys_, folders_.root(), folders_.path());
  require_queue(file);
  file->settings = change_settings(file->settings, changes);
  for (const auto& [name, value] : changes) file->set[name] = value;
  if (names_mode(changes)) folders_.set_mode(sys_, file->settings.mode);
  replace_queue_file(sys_, folders_.root(), path(), *file);
  refresh_settings();
}

Time OpenQueue::now() const {
  struct timespec now = {};
  require(sys_.clock_gettime(CLOCK_REALTIME, now), "clock_gettime", path());
  return Time{std::chrono::milliseconds{std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000}};
}

Duration OpenQueue::since_boot() const {
  struct timespec now = {};
  require(sys_.clock_gettime(CLOCK_BOOTTIME, now), "clock_gettime", path());
  return std::chrono::milliseconds{std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000};
}

Time OpenQueue::from_now(Duration span, const char* operation) const {
  const Time begin = now();
  if (span > kDueMax - begin) {
    throw_errc(errc::bad_value, operation, path(), "not a time before the year 2286");
  }
  return begin + std::max(span, Duration{0});
}

void OpenQueue::log(LogLevel level, std::string_view text) const {
  if (log_) log_(level, fmt::format("{}: {}", folders_.path(), text));
}

void OpenQueue::warn_once(const std::string& file, std::string_view text) {
  {
    const std::lock_guard lock{warned_mutex_};
    if (warned_.size() >= kWarnedMax) warned_.clear();
    if (!warned_.insert(file).second) return;
  }
  log(LogLevel::warning, text);
}

}  // namespace spoolq::detail
