// Taking the files that other programs drop into a folder that is no part of a queue.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "spoolq/export.hpp"
#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"

namespace spoolq {

/// How it is found out that a file is complete.
enum class Completion {
  /// When no process has it open for writing: at once, if it was renamed into the folder, has a
  /// second link, or a name as maildir(5) describes it. Otherwise when it is not empty, and no
  /// process has changed it for `settle`.
  automatic,
  rename,  ///< The same, but what is written in place while we watch is left alone.
  close,   ///< Closed by its writer, and left alone for `settle`; renamed here: closed.
  stable,  ///< Unchanged for `settle` while we watched, also if a process has it open.
  marker,  ///< A file beside it, NAME.done or NAME.ok, not older than it, which goes with it.
  lease    ///< No process has it open for writing (fcntl(2), F_SETLEASE), and it is not empty.
};

/// As `spoolq adopt --done=` spells it.
SPOOLQ_EXPORT std::string_view to_string(Completion completion);

struct AdoptOptions {
  Completion done = Completion::automatic;
  /// How long a file must have been left alone. Without it, the queue's setting `settle`; 5 s for
  /// `stable`, nothing for `lease`.
  std::optional<Duration> settle{};
  bool keep = false;  ///< Leave the files where they are, and take each once.
};

enum class Verdict {
  take,    ///< It is complete.
  wait,    ///< It may not be complete, or cannot be taken now.
  reject,  ///< It is no message and never will be: to `.rejected/` in its folder.
  ignore   ///< Skipped: folders, temporary names, markers, files taken before with `keep`.
};
SPOOLQ_EXPORT std::string_view to_string(Verdict verdict);

/// What was found out about one file, or done with it.
struct Appraisal {
  std::string file;  ///< Its name. Any bytes; escape it before showing it.
  Verdict verdict = Verdict::wait;
  std::string reason;       ///< One line.
  MessageId id{};           ///< Of what was taken.
  std::error_code error{};  ///< Why it cannot be taken now, where that is an error.
};

/// Takes the files of one folder into a queue, each once, whole, over crashes and restarts
/// (docs/guarantees.md, "From other folders"): by rename where the folder is on the queue's file
/// system, else as durable copies whose originals then go.
///
/// A file becomes a message of priority 5, put at the time of its last modification, with the id
/// that it would have in new/ and its name. The content must not change afterwards; what is longer
/// or shorter than it was then is set aside by the consumer that takes it. Left alone are names
/// that begin with a dot or end in .tmp, .part, .crdownload or ~, and folders. What is no regular
/// file, and what is larger than max_size, goes to `.rejected/`, with a file NAME.reason beside it;
/// with `keep` it stays.
///
/// One thread at a time, except stop(), which any thread and any signal handler may call.
class SPOOLQ_EXPORT Adopter {
 public:
  using Report = std::function<void(const Appraisal&)>;

  /// Opens the folder. Throws errc::bad_value for one that is a queue, or part of this one, and the
  /// errno.
  Adopter(Queue queue, const std::filesystem::path& directory, AdoptOptions options = {});
  Adopter(Adopter&&) noexcept;
  Adopter& operator=(Adopter&&) noexcept;
  ~Adopter();

  /// What would become of each file now. Changes nothing.
  [[nodiscard]] std::vector<Appraisal> appraise();

  /// Takes what is complete, and what is within 5 s (for `stable`: within `settle`). Reports what
  /// was taken, each when it is durable, what was rejected, and in the end what waits. Ends early
  /// after stop(). Throws EAGAIN while another process copies from there into this queue, or
  /// moves what this one is to copy, and what a put throws; nothing is lost then, and the next one
  /// goes on.
  void adopt(const Report& report);
  /// The same, and goes on until stop(), woken by inotify; where that is not to be had, on
  /// network file systems, and with SPOOLQ_POLL=1 in the environment, it looks every 500 ms. What
  /// waits is reported only for an error, once. While the queue is full it waits. Throws ENOENT
  /// when the folder is removed.
  void follow(const Report& report);
  /// Ends adopt() or follow(), now or the next one.
  void stop() noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace spoolq
