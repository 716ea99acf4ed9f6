// A queue for a test to play with: on a simulated disk, or in a temporary folder.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "queue/lifecycle/transitions.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/producer.hpp"
#include "tests/support/simulated_sys.hpp"

namespace spoolq::test {

using detail::Folder;
using detail::MessageName;
using detail::OpenQueue;
using detail::StoredMessage;

/// A claim of a consumer that never was, as the dead leave it.
inline constexpr const char* kDeadClaim = "0123456789abcdef.1";

/// Collects what the library reports. Any thread.
class Log {
 public:
  [[nodiscard]] LogHandler handler() {
    return [this](LogLevel, std::string_view text) {
      const std::lock_guard lock{mutex_};
      lines_.emplace_back(text);
    };
  }
  [[nodiscard]] std::size_t size() const {
    const std::lock_guard lock{mutex_};
    return lines_.size();
  }
  /// Whether a line has `text` in it.
  [[nodiscard]] bool has(std::string_view text) const;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// The public handle of an open queue.
inline Queue handle(std::shared_ptr<OpenQueue> queue) {
  return detail::QueueAccess::handle(std::move(queue));
}

std::shared_ptr<OpenQueue> open_queue(detail::Sys& sys, const std::string& path,
                                      Log* log = nullptr);

/// A queue without limits of space at /q on a disk in memory.
class World {
 public:
  explicit World(const std::vector<SettingChange>& settings = {},
                 CrashModel model = CrashModel::journal);

  static constexpr const char* kPath = "/q";

  SimulatedSys disk;
  Log log;
  std::shared_ptr<OpenQueue> queue;

  /// The queue again, through another Sys over the disk.
  std::shared_ptr<OpenQueue> open(detail::Sys& sys) { return open_queue(sys, kPath, &log); }
  /// The names in a folder, sorted.
  [[nodiscard]] std::vector<std::string> names(Folder folder) const;
  [[nodiscard]] std::size_t count(Folder folder) const { return names(folder).size(); }
  /// The path of a file in a folder, for the disk.
  [[nodiscard]] std::string path(Folder folder, const std::string& file = {}) const;
};

MessageId put(const std::shared_ptr<OpenQueue>& queue, std::string_view payload,
              const PutOptions& options = {});
/// The messages in `state`, in the order of their file names.
std::vector<StoredMessage> messages(OpenQueue& queue, State state);
/// The only one. Throws std::runtime_error when there is none or another.
StoredMessage only(OpenQueue& queue, State state);
/// Puts a message and claims it.
StoredMessage put_and_claim(OpenQueue& queue, std::string_view payload,
                            const std::string& claim = kDeadClaim, const PutOptions& options = {});
/// Claims the only message of new/.
StoredMessage claim_only(OpenQueue& queue, const std::string& claim = kDeadClaim);
Reason reason(std::string text);

}  // namespace spoolq::test
