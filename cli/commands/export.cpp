// spoolq export: copies messages out, for other programs.
//
// 1. Copy one message after another. With --move each is claimed first, so that no other program
//    takes it meanwhile. What cannot be read, or has moved on, is reported.
// 2. Make the copies durable.
// 3. With --move: remove the messages that were copied. If the export ends before, they go back to
//    where they were.
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>
#include <utility>
#include <vector>

#include "cli/commands/changes.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/error_report.hpp"
#include "cli/commands/selection.hpp"
#include "cli/files/export_target.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

struct ExportArguments {
  std::optional<std::string> maildir;  ///< Empty: an archive.
  std::optional<std::string> output;   ///< The archive's file; empty: standard output.
  Selection selection{.states = {State::ready, State::delayed, State::failed}};
  bool move = false;

  [[nodiscard]] bool prints_archive() const { return !maildir && !output; }
};

/// Readers of an archive ignore another one behind it unless they are asked for it.
bool is_empty_regular_file(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

/// Throws UsageError for an archive that cannot be of use where it goes.
void require_usable_output(const Command& command, bool move, const Console& console) {
  if (console.terminal) command.wrong_use("an archive is not for a terminal; -o FILE");
  if (move && !is_empty_regular_file(STDOUT_FILENO)) {
    command.wrong_use(
        "--move removes what is safe on disk, which only an empty file can promise; -o FILE");
  }
  console.out.check();
}

std::unique_ptr<ExportTarget> make_target(const ExportArguments& arguments, Console& console) {
  if (arguments.maildir) return export_to_maildir(*arguments.maildir);
  return arguments.output ? export_to_tar_file(*arguments.output) : export_to_tar(console.out);
}

/// One run of the command.
class Export {
 public:
  Export(const ExportArguments& arguments, Queue queue, Console& console)
      : arguments_{arguments}, console_{console}, queue_{std::move(queue)}, errors_{console} {}

  int run() {
    const std::vector<MessageInfo> selected = select(queue_, arguments_.selection);
    if (selected.empty()) return nothing_selected(console_);
    target_ = make_target(arguments_, console_);
    for (const MessageInfo& message : selected) copy(message);
    target_->finish(arguments_.move);
    if (arguments_.move) remove();
    if (!arguments_.prints_archive()) console_.out.write(fmt::format("exported {}\n", copied_));
    return errors_.code();
  }

 private:
  void copy(const MessageInfo& message) {
    try {
      if (!queue_.is_complete(message)) {
        report(message, "left out: it is still being written, or has moved on");
        return;
      }
      if (arguments_.move) {
        MoveOut claimed = queue_.move_out(message);
        target_->add(queue_, message, claimed.info());
        claimed_.push_back(std::move(claimed));
      } else {
        target_->add(queue_, message, message);
      }
      ++copied_;
    } catch (const Error& error) {
      if (error.code() == errc::no_such_message) {
        report(message, "left out: it has moved on");
      } else if (error.code() == std::errc::resource_unavailable_try_again) {
        report(message, "left out: it is still being written");
      } else {
        report(message, describe(error), exit_code_of(error.code()));
      }
    }
  }

  void remove() {
    for (MoveOut& claimed : claimed_) {
      try {
        claimed.remove(Sync::none);
      } catch (const Error& error) {
        if (error.code() != errc::claim_lost) throw;
        report(claimed.info(), "it has moved on, and its copy is there as well",
               exit_code_of(error.code()));
      }
    }
    queue_.sync();
  }

  void report(const MessageInfo& message, const std::string& text, ExitCode code = kExitDone) {
    errors_.add(fmt::format("{}: {}", message.id, text), code);
  }

  const ExportArguments& arguments_;
  Console& console_;
  Queue queue_;
  std::unique_ptr<ExportTarget> target_;
  std::vector<MoveOut> claimed_;  ///< With --move: what was copied, until it is removed.
  std::size_t copied_ = 0;
  ErrorReport errors_;
};

}  // namespace

int export_command(Command& command, Console& console) {
  ExportArguments arguments;
  bool is_maildir = false;
  command.describe("export", "copy messages out, for other programs", "Q [DIR]", 1, 2);
  command.one_of("--to", is_maildir, "KIND", "tar (default), or maildir: into the Maildir DIR",
                 {{"tar", false}, {"maildir", true}});
  command.text("-o,--output", arguments.output, "FILE",
               "the archive, a new file; default: standard output");
  arguments.selection.bind_states_but_claimed(command);
  arguments.selection.bind_filters(command);
  command.flag("--move", arguments.move, "remove each message once its copy is safe on disk");
  command.example("spoolq export jobs -o jobs.tar",
                  "all that is ready, delayed or failed, as a tar archive");
  command.example("spoolq export jobs --state failed --to=maildir dead",
                  "dead letters, for a mail reader");
  command.example("spoolq export jobs | tar -t", "and what is in it");
  command.details =
      R"(The queue stays as it is, unless --move is given: then a message is removed once its copy is
safe on disk, so not when the archive goes into a pipe (64). What is claimed meanwhile is left
out and reported; in an archive, which cannot be taken back, its copy stays. Claimed messages
are not exported.
In the archive (pax format) a message is FOLDER/NAME, as in the queue, with its headers and its
reason as extended attributes. `tar -x --xattrs -f FILE -C Q` brings all of it back into a queue
that is paused meanwhile (`spoolq pause`). FILE must not exist yet.
In the Maildir, which is made where it is missing, a message has a name made from its id: doing
it again doubles nothing. Its time is that of the put; priority, key, type, name, time to live,
headers and reason stay behind, and are gone with --move.)";
  if (!command.parse(console)) return kExitDone;
  if (command.arguments().size() > 1) arguments.maildir = command.arguments()[1];
  if (is_maildir && !arguments.maildir) command.wrong_use("--to=maildir needs DIR", true);
  if (!is_maildir && arguments.maildir) {
    command.wrong_use("DIR is for --to=maildir; an archive: -o FILE");
  }
  if (is_maildir && arguments.output) command.wrong_use("-o is for --to=tar");
  arguments.selection.require_none_claimed(command, "claimed messages are not exported");
  const Queue queue = open_queue(command.queue(), console);
  if (arguments.move) require_takeable(queue);
  if (arguments.prints_archive()) require_usable_output(command, arguments.move, console);
  return Export{arguments, queue, console}.run();
}

}  // namespace spoolq::cli
