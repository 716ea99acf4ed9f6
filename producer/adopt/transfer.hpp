// Taking files from a folder of somebody else's: into new/ by rename, or as copies (docs/format.md,
// "Taking files from other folders").
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "producer/adopt/journal.hpp"
#include "queue/format/message_name.hpp"
#include "queue/lifecycle/put.hpp"
#include "queue/os/fork_guard.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/seize.hpp"

namespace spoolq::detail {

/// A file that was found complete.
struct Arrival {
  std::string file;           ///< Its name in `directory`.
  struct stat status = {};    ///< As it was then. What has changed since is not taken.
  struct timespec born = {};  ///< As statx(2) told with it.
  int directory = -1;         ///< Where it is; -1: the folder itself. Others only to be copied.
  std::string below{};  ///< The path of `directory` below the folder, with a slash at its end.
  /// What it is to be called; without it, what it would be called if it stood in new/.
  std::optional<MessageName> name{};
  Headers headers{};
  /// Files beside it that say that it is complete. They go before it is taken.
  std::vector<std::string> markers{};
  /// Files beside it that are parts of it, under names that are never used again. They go when it
  /// is a message.
  std::vector<std::string> parts{};
};

/// What became of one.
struct Intaken {
  enum class Outcome {
    taken,      ///< It is a message; durable.
    forgotten,  ///< It was a message before; only its source was removed, if that is wanted.
    changed,    ///< It is gone, or not as it was: look again.
    refused     ///< It cannot be taken, or not now: `error`, `reason`. It is where it was.
  };
  Outcome outcome = Outcome::changed;
  MessageId id{};
  std::error_code error{};
  std::string reason{};
  bool was_put_back = false;  ///< It had a private name meanwhile, and was renamed back.
};

struct IntakeOptions {
  bool keep = false;             ///< Leave the files where they are.
  bool always_copy = false;      ///< Also where a rename would do.
  bool despite_writers = false;  ///< Also what somebody has open for writing.
  bool look_only = false;  ///< Nothing is changed, finished or locked; take() is not to be called.
};

/// Takes files from one folder into one queue. When a call has thrown, nothing is lost and some
/// files may have been taken: make another one, which goes on. One thread.
class Intake {
 public:
  /// `directory` is the folder's absolute path without symbolic links. Finishes what an earlier
  /// one has begun. Throws EAGAIN while another process copies files from there into this queue, or
  /// moves them where this one is to copy.
  Intake(OpenQueue& queue, const std::string& directory, IntakeOptions options);
  Intake(const Intake&) = delete;
  Intake& operator=(const Intake&) = delete;
  ~Intake() = default;

  [[nodiscard]] OpenQueue& queue() const { return queue_; }
  /// The folder.
  [[nodiscard]] int folder() const { return directory_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

  /// What an id is derived from.
  [[nodiscard]] FileIdentity identity_of(const Arrival& arrival) const;
  /// Whether it was taken before, and is kept or could not be removed then.
  [[nodiscard]] bool has_taken(const Arrival& arrival) const;
  /// Whether its markers may have been removed already, by a run that did not get further.
  [[nodiscard]] bool has_begun(const Arrival& arrival) const;

  /// Takes these files; what became of each, in the same order. Durable when it returns. Throws
  /// errc::condemned, errc::indeterminate (they are visible), or the errno.
  std::vector<Intaken> take(const std::vector<Arrival>& arrivals);
  /// Removes the markers of a file that is not to be taken. False when the file is gone or not as
  /// it was found: it may have new ones. Throws the errno.
  bool remove_markers(const Arrival& arrival);
  /// What the journal knows of a file goes, because the file went elsewhere.
  void forget(const Arrival& arrival);
  /// Whether a file waits under a private name, because another one took its own: take() is to be
  /// called again, also with no files.
  [[nodiscard]] bool has_kept() const { return sources_.has_kept(); }

 private:
  struct Item;
  struct KeptItems;

  void require_one_way();
  IntakeJournal& journal();
  [[nodiscard]] int directory_of(const Arrival& arrival) const;
  [[nodiscard]] std::string path_of(const Arrival& arrival) const;
  [[nodiscard]] IntakeKeys keys_of(const Arrival& arrival) const;
  [[nodiscard]] bool is_unchanged(const Arrival& arrival, const struct stat& now) const;
  [[nodiscard]] MessageName name_of(const Arrival& arrival) const;
  void recover();
  [[nodiscard]] std::optional<Arrival> arrival_of(const SeizedSource& source) const;
  void begin(std::vector<Item>& items, const Arrival& arrival, Intaken& result);
  void begin_kept(std::vector<Item>& items, KeptItems& kept);
  [[nodiscard]] SysResult open_source(const Item& item) const;
  bool open(Item& item);
  void announce(std::vector<Item>& items);
  [[nodiscard]] bool is_as_judged(const Arrival& arrival) const;
  void remove_markers(std::vector<Item>& items);
  bool remove_marker(Item& item, SeizedSource& marker);
  bool seize(Item& item, int fd, WriterHold& writers);
  void put_back(Item& item);
  void rename_all(std::vector<Item>& items);
  void rename_one(Item& item);
  [[nodiscard]] bool is_left_alone(const Arrival& arrival, int fd, WriterHold& writers) const;
  void copy_all(std::vector<Item>& items);
  void copy_one(Item& item);
  bool copy_content(Item& item);
  [[nodiscard]] std::optional<bool> is_what_was_taken(const Item& item) const;
  void remove_parts(std::vector<Item>& items);
  void warn_of_source(Item& item, const std::string& file, const std::error_code& code);
  void remove_sources(std::vector<Item>& items);
  bool remove_source(Item& item);

  OpenQueue& queue_;
  std::string path_;
  IntakeOptions options_;
  UniqueFd directory_;
  bool keeps_birth_times_;
  bool is_same_mount_;
  bool by_rename_;
  LockFd way_;
  std::optional<IntakeJournal> journal_;
  SeizedSources sources_;
};

}  // namespace spoolq::detail
