// Taking a file away from a name that other programs use (docs/format.md, "Taking files from other
// folders"): it is renamed to a name that only one process uses, looked at there, and then removed,
// moved on or put back.
#pragma once

#include <sys/stat.h>

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "queue/os/fork_guard.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {

/// A file of another program's folder that has, or is about to have, a private name.
struct SeizedSource {
  std::string token{};     ///< 16 hex digits.
  std::string original{};  ///< Its path below the folder.
  int directory = -1;      ///< Where it is while it is seized; owned elsewhere.
  std::string file{};      ///< Its private name there; empty: not seized.
  /// Its content does not matter: when another file has its name by now, it is removed.
  bool is_marker = false;
};

/// What one process seizes in one folder. A record, the locked file intake/HASH.TOKEN, says where
/// each file belongs, so the next process finishes what a dead one has begun. One thread.
class SeizedSources {
 public:
  /// `path` is the folder's absolute path, `folder` its descriptor, which must outlive this.
  /// `same_mount`: whether intake/ can be reached by rename from there.
  SeizedSources(OpenQueue& queue, std::string path, int folder, bool same_mount);
  SeizedSources(const SeizedSources&) = delete;
  SeizedSources& operator=(const SeizedSources&) = delete;
  /// Removes the record, unless something is still seized.
  ~SeizedSources();

  /// Finishes what dead processes have begun: a source that `is_message` is true for is removed,
  /// any other one is put back. Throws the errno.
  void recover(const std::function<bool(const SeizedSource&)>& is_message);

  /// Records that these files are about to be seized; durable when it returns. Sets their tokens.
  /// Throws the errno; nothing is seized then.
  void announce(const std::vector<SeizedSource*>& sources);
  /// Renames `file` in `directory` to its private name, in intake/ on the same mount, else beside
  /// it. EXDEV: not the same mount; the next try uses the name beside it. `directory` must be open
  /// until the source is put back, kept or ended.
  SysResult seize(SeizedSource& source, int directory, const std::string& file);
  /// Renames a seized file back to `file` in `directory`. When that name is taken by now, or the
  /// rename fails, the file is kept.
  void put_back(const SeizedSource& source, int directory, const std::string& file);
  /// Removes a seized file for good.
  [[nodiscard]] SysResult remove(const SeizedSource& source);
  /// Removes a file of the folder whose name is never used again, so that it need not be seized.
  [[nodiscard]] SysResult remove_part(int directory, const std::string& file);
  /// A seized file has no private name any more. The caller makes that durable.
  void end(const SeizedSource& source) { seized_.erase(source.token); }

  /// Tries again to put back what is kept.
  void put_back_kept();
  /// What could not be put back; `directory` is open as long as the result lives.
  struct Kept {
    SeizedSource source;
    UniqueFd directory;
  };
  [[nodiscard]] std::vector<Kept> kept();
  [[nodiscard]] bool has_kept() const { return !kept_.empty(); }

  /// Makes what was put back durable, and empties the record when nothing is seized.
  void settle();

  /// intake/; -1 before the first announcement.
  [[nodiscard]] int intake() const { return intake_.get(); }

 private:
  void open_record();
  void append(const std::string& lines);
  [[nodiscard]] std::string record_name(std::string_view token) const;
  void finish(const std::string& record,
              const std::function<bool(const SeizedSource&)>& is_message);
  [[nodiscard]] UniqueFd open_directory_of(const std::string& original);
  bool find(SeizedSource& source, int directory);
  bool rename_back(const SeizedSource& source, int directory, const std::string& file);
  [[nodiscard]] std::string path_of(const SeizedSource& source) const;

  OpenQueue& queue_;
  std::string path_;
  int folder_;
  bool same_mount_;
  ProcessMark process_;
  UniqueFd intake_;
  LockFd record_;
  std::string record_name_;
  off_t size_ = 0;                  ///< Of the record.
  std::set<std::string> seized_;    ///< Tokens of what has a private name.
  std::vector<SeizedSource> kept_;  ///< Without their descriptors.
  std::set<int> changed_;           ///< Directories that something was put back into.
};

}  // namespace spoolq::detail
