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

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/args/queue_argument.hpp"
#include "cli/args/usage_error.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/selection.hpp"
#include "cli/files/export_target.hpp"
#include "cli/output/exit_codes.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {
    {.name = "to", .value = "KIND", .help = "tar (default), or maildir: into the Maildir DIR"},
    {.letter = 'o',
     .name = "output",
     .value = "FILE",
     .help = "the archive, a new file; default: standard output"},
    {.name = "state",
     .value = "S",
     .help = "only those that are ready, delayed, failed or done; a list, or again"},
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
    {.name = "move", .help = "remove each message once its copy is safe on disk"},
};

constexpr Example kExamples[] = {
    {"spoolq export jobs -o jobs.tar", "all that is ready, delayed or failed, as a tar archive"},
    {"spoolq export jobs --state failed --to=maildir dead", "dead letters, for a mail reader"},
    {"spoolq export jobs | tar -t", "and what is in it"},
};

constexpr std::string_view kDetails =
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

enum class ExportFormat { tar, maildir };

struct ExportArguments {
  std::string queue;
  ExportFormat format = ExportFormat::tar;
  std::optional<std::string> directory;  ///< The Maildir.
  std::optional<std::string> output;     ///< The archive; empty: standard output.
  Selection selection;
  bool move = false;
};

ExportArguments parse_export(const Parsed& parsed) {
  ExportArguments made;
  made.queue = parsed.queue();
  made.format =
      std::array{ExportFormat::tar, ExportFormat::maildir}[parsed.choice("to", {"tar", "maildir"})];
  const bool is_maildir = made.format == ExportFormat::maildir;
  if (!parsed.rest().empty()) made.directory = parsed.rest().front();
  if (is_maildir && !made.directory) parsed.wrong_use("--to=maildir needs DIR", true);
  if (!is_maildir && made.directory)
    parsed.wrong_use("DIR is for --to=maildir; an archive: -o FILE");
  made.output = parsed.value("output");
  if (is_maildir && made.output) parsed.wrong_use("-o is for --to=tar");
  made.selection =
      parse_selection(parsed, parse_states(parsed, {State::ready, State::delayed, State::failed}));
  if (made.selection.has(State::claimed)) {
    parsed.bad_value("state", "claimed", "claimed messages are not exported");
  }
  made.move = parsed.flag("move");
  return made;
}

/// An archive behind another one is not read by who does not ask for it.
bool is_empty_regular_file(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

/// Throws UsageError for an archive that nobody would want where it goes.
void require_usable_output(const ExportArguments& arguments, const Console& console) {
  if (arguments.format != ExportFormat::tar || arguments.output) return;
  if (console.terminal) {
    throw UsageError{"export: an archive is not for a terminal; -o FILE", &kExportCommand};
  }
  if (arguments.move && !is_empty_regular_file(STDOUT_FILENO)) {
    throw UsageError{
        "export: --move removes what is safe on disk, which only an empty file can promise; -o "
        "FILE",
        &kExportCommand};
  }
  console.out.check();
}

std::unique_ptr<ExportTarget> make_target(const ExportArguments& arguments, Console& console) {
  if (arguments.format == ExportFormat::maildir) return export_to_maildir(*arguments.directory);
  return arguments.output ? export_to_tar_file(*arguments.output) : export_to_tar(console.out);
}

/// One run of the command.
class Export {
 public:
  Export(const ExportArguments& arguments, Console& console)
      : arguments_{arguments}, console_{console}, queue_{open_queue(arguments.queue, console)} {
    if (arguments.move) require_takeable(queue_);
    require_usable_output(arguments, console);
  }

  int run() {
    const std::vector<MessageInfo> selected = select(queue_, arguments_.selection);
    if (selected.empty()) {
      console_.complain("no such messages");
      return kExitNo;
    }
    target_ = make_target(arguments_, console_);
    for (const MessageInfo& message : selected) copy(message);
    target_->finish(arguments_.move);
    if (arguments_.move) remove();
    const bool is_archive_printed = arguments_.format == ExportFormat::tar && !arguments_.output;
    if (!is_archive_printed) console_.out.write(fmt::format("exported {}\n", copied_));
    return code_;
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
        report(message, describe(error));
        if (code_ == kExitDone) code_ = exit_code_of(error.code());
      }
    }
  }

  void remove() {
    for (MoveOut& claimed : claimed_) {
      try {
        claimed.remove(Sync::none);
      } catch (const Error& error) {
        if (error.code() != errc::claim_lost) throw;
        report(claimed.info(), "it has moved on, and its copy is there as well");
        if (code_ == kExitDone) code_ = exit_code_of(error.code());
      }
    }
    queue_.sync();
  }

  void report(const MessageInfo& message, const std::string& text) {
    console_.complain(fmt::format("{}: {}", message.id, text));
  }

  const ExportArguments& arguments_;
  Console& console_;
  Queue queue_;
  std::unique_ptr<ExportTarget> target_;
  std::vector<MoveOut> claimed_;  ///< With --move: what was copied, until it is removed.
  std::size_t copied_ = 0;
  int code_ = kExitDone;
};

int run(const Parsed& parsed, Console& console) {
  const ExportArguments arguments = parse_export(parsed);
  return Export{arguments, console}.run();
}

}  // namespace

const Command kExportCommand{.name = "export",
                             .group = Group::keep,
                             .summary = "copy messages out, for other programs",
                             .usage = "Q [DIR]",
                             .arguments_min = 1,
                             .arguments_max = 2,
                             .options = kOptions,
                             .examples = kExamples,
                             .details = kDetails,
                             .run = run};

}  // namespace spoolq::cli
