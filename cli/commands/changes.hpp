// Changing messages by hand: what retry, mv, rm and purge have in common.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// Changes one message after another. One that cannot be changed is reported and the others are
/// done; the exit code is the first error's.
class Changes {
 public:
  Changes(const Console& console, std::function<void(const MessageInfo&)> change)
      : console_{console}, change_{std::move(change)} {}

  /// Those that `ids` name, among the messages in `states`.
  void change_named(const Queue& queue, const std::vector<std::string>& ids,
                    const std::vector<State>& states);
  /// A message that another process was quicker to take is reported, and is no error.
  void change_all(const std::vector<MessageInfo>& messages);
  /// Also for what comes after the messages: a sync, say.
  void attempt(const std::function<void()>& step);

  [[nodiscard]] int code() const { return code_; }
  /// How many change_all() changed.
  [[nodiscard]] std::size_t done() const { return done_; }

 private:
  void report(const std::string& text, ExitCode code);

  const Console& console_;
  std::string about_;  ///< What is in hand, for errors that do not name it.
  std::function<void(const MessageInfo&)> change_;
  int code_ = kExitDone;
  std::size_t done_ = 0;
  bool stopped_ = false;
};

/// Few messages are synced one by one. For many, one sync of the whole file system is quicker,
/// though it waits for what other programs have written too.
Sync sync_of_each(std::size_t count);
/// Says that no message was selected; the exit code.
int nothing_selected(const Console& console);
/// For --dry-run; the exit code.
int print_ids(const std::vector<MessageInfo>& messages, Console& console);

}  // namespace spoolq::cli
