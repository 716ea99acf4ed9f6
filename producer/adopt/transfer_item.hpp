// A file on its way from another folder into a queue.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "queue/format/message_name.hpp"
#include "queue/lifecycle/put.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/seize.hpp"
#include "spoolq/adopter.hpp"

namespace spoolq::detail {

/// A file that was found complete.
struct Arrival {
  std::string file;           ///< Its name in `directory`.
  struct stat status = {};    ///< As it was then. What has changed since is not taken.
  struct timespec born = {};  ///< From the same statx(2).
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
struct Transferred {
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

struct TransferOptions {
  bool keep = false;             ///< Leave the files where they are.
  bool always_copy = false;      ///< Also where a rename would do.
  bool despite_writers = false;  ///< Also what a process has open for writing.
  bool look_only = false;  ///< Nothing is changed, finished or locked; take() is not to be called.
};

/// A file on its way.
struct TransferItem {
  const Arrival& arrival;
  Transferred& result;
  MessageName name{};
  UniqueFd fd{};
  std::unique_ptr<PendingMessage> copy{};
  std::string staged{};   ///< The copy's name in the journal's folder.
  bool stays = false;     ///< It is not what was found complete, or cannot be removed.
  SeizedSource source{};  ///< What is announced of it, and where it is when it is seized.
  std::vector<SeizedSource> markers{};

  [[nodiscard]] bool is_seized() const { return !source.file.empty(); }
  [[nodiscard]] bool was_seized_before() const { return arrival.directory == kSeized; }
  [[nodiscard]] bool is_wanted() const {
    return !stays && result.outcome == Transferred::Outcome::changed;
  }
  /// It is a message, and its source is there.
  [[nodiscard]] bool goes() const {
    return !stays && (copy || result.outcome == Transferred::Outcome::forgotten);
  }
  static constexpr int kSeized = -2;  ///< Arrival::directory of a file with a private name.
};

/// Notes that the file is not taken.
void refuse(Transferred& result, const Error& error);
/// The same in a handler of `error`. Throws it again unless it leaves the other files what they
/// are: it is about this file, or nothing was written.
void refuse_or_rethrow(Transferred& result, const Error& error);
/// What reports say of it. `reason` is why it was to be taken.
Appraisal appraisal_of(const std::string& file, const std::string& reason,
                       const Transferred& result);

}  // namespace spoolq::detail
