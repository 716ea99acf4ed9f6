// One open queue: what every transition needs at hand.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_set>

#include "queue/format/settings.hpp"
#include "queue/os/fork_guard.hpp"
#include "queue/os/sys.hpp"
#include "queue/store/durability.hpp"
#include "queue/store/folders.hpp"
#include "queue/store/limits.hpp"
#include "queue/store/second_names.hpp"
#include "queue/store/store.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::detail {

class Mover;

/// Folders, settings, syncs and log of a queue. Shared by the handles that opened it; any thread.
class OpenQueue {
 public:
  /// `path` is absolute and without symbolic links. Throws as Queue::open.
  OpenQueue(Sys& sys, const std::string& path, LogHandler log);

  [[nodiscard]] Sys& sys() const { return sys_; }
  [[nodiscard]] const Folders& folders() const { return folders_; }
  [[nodiscard]] int fd(Folder folder) const { return folders_.fd(folder); }
  [[nodiscard]] const std::string& path() const { return folders_.path(); }
  [[nodiscard]] std::string path(Folder folder, std::string_view file = {}) const {
    return folders_.path(folder, file);
  }
  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] const Store& store() const { return store_; }
  [[nodiscard]] Durability& durability() { return durability_; }
  [[nodiscard]] Occupancy& occupancy() { return occupancy_; }
  [[nodiscard]] SecondNames& second_names() { return second_names_; }

  [[nodiscard]] bool is_maildir() const { return is_maildir_; }
  [[nodiscard]] const MessageId& queue_id() const { return queue_id_; }
  [[nodiscard]] std::shared_ptr<const Settings> settings() const;
  /// Reads spoolq.json again when it was replaced since. What cannot be read is reported and the
  /// old settings stay.
  void refresh_settings();
  void configure(const std::vector<SettingChange>& changes);
  /// The owner of this process's claims for moves. It registers at the first and lives as long as
  /// the open queue, so that a run of many moves registers once.
  [[nodiscard]] std::shared_ptr<Mover> mover();
  /// After a claim that could not be ended: its owner dies with the last of its other claims.
  void drop_mover();

  /// False where a free lock proves nothing, because flock may not reach every machine that has the
  /// queue mounted (network and FUSE file systems).
  [[nodiscard]] bool locks_prove_death() const { return locks_prove_death_; }

  /// The system clock in milliseconds.
  [[nodiscard]] Time now() const;
  /// CLOCK_BOOTTIME: runs while the machine sleeps, and nobody can set it.
  [[nodiscard]] Duration since_boot() const;
  /// The time after `span`; now, for a negative one. Throws errc::bad_value, naming `operation`,
  /// for one that a name has no room for.
  [[nodiscard]] Time from_now(Duration span, const char* operation) const;
  void log(LogLevel level, std::string_view text) const;
  /// Logs what is wrong with one file the first time it is met, not at every look.
  void warn_once(const std::string& file, std::string_view text);
  /// Throws errc::foreign_process in a forked child.
  void require_own_process(const char* operation) const {
    process_.require_own(operation, folders_.path().c_str());
  }

 private:
  struct Version {
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
    bool operator==(const Version&) const = default;
  };
  [[nodiscard]] Version version_of_file() const;

  Sys& sys_;
  Folders folders_;
  Durability durability_;
  Occupancy occupancy_;
  SecondNames second_names_;
  Store store_{*this};
  LogHandler log_;
  ProcessMark process_;
  MessageId queue_id_;
  bool is_maildir_ = false;
  bool locks_prove_death_ = true;
  mutable std::mutex settings_mutex_;
  std::shared_ptr<const Settings> settings_;
  Version settings_version_;
  std::mutex warned_mutex_;
  std::unordered_set<std::string> warned_;
  std::mutex mover_mutex_;
  std::shared_ptr<Mover> mover_;  ///< Last: it ends before what it uses.
};

/// Whether other machines, or a server process, may do things on a file system of this type that we
/// neither see nor hear of.
bool is_distant(const FileSystemInfo& file_system);

/// Makes or completes the queue at `path`, whose parent exists (docs/format.md, "The folders"). Its
/// new/ is the folder at `inbox`, an absolute path without symbolic links, unless that is empty.
void init_queue(Sys& sys, const std::string& path, const std::vector<SettingChange>& settings,
                const std::string& inbox = {});

}  // namespace spoolq::detail
