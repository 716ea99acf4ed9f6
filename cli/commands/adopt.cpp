// spoolq adopt: takes the files of a folder into a queue.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/transfer_report.hpp"
#include "spoolq/adopter.hpp"

namespace spoolq::cli {
namespace {

/// Goes on with what comes. Being stopped is how this ends well.
int follow(Adopter& adopter, bool json, Console& console) {
  const StopOnSignals stop_on_signals{adopter};
  TransferReport outcomes{console, json, true};
  try {
    adopter.follow([&outcomes](const Appraisal& appraisal) { outcomes.tell(appraisal); });
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    throw Failure{kExitNotFound, describe(error)};
  }
  return kExitDone;
}

}  // namespace

int adopt_command(Command& command, Console& console) {
  AdoptOptions options;
  bool follows = false;
  bool dry_run = false;
  bool json = false;
  command.describe("adopt", "take the files of a folder into a queue", "DIR Q", 2, 2);
  command.one_of("--done", options.done, "RULE",
                 "when a file is complete: auto (default), rename, close, stable, marker, lease",
                 choices({Completion::automatic, Completion::rename, Completion::close,
                          Completion::stable, Completion::marker, Completion::lease}));
  command.duration("--settle", options.settle,
                   "how long it must have been left alone; default: the queue's setting settle");
  command.flag("--follow", follows, "go on with what comes, until TERM or INT");
  command.flag("--keep", options.keep, "leave the files where they are, and take each once");
  command.flag("--dry-run", dry_run,
               "print what would become of each file, and why; change nothing");
  command.flag("--json", json, "print JSON");
  command.excludes(&follows, &dry_run);
  command.example("spoolq adopt inbox jobs", "every file of the folder inbox becomes a message");
  command.example("spoolq adopt inbox jobs --follow",
                  "and every file that comes, until it is stopped");
  command.example("spoolq adopt inbox jobs --dry-run", "say what would be taken");
  command.example("spoolq adopt inbox jobs --done=marker --keep",
                  "take what has a NAME.done, and leave it");
  command.details =
      R"(Each file is taken once and whole, over crashes and restarts: by rename where the folder is on
the queue's file system, else as a copy, whose original goes when the copy is on disk. It keeps
its name. For each, its id and its name are printed, with a tab between them.

  auto     what nobody has open for writing: at once if it was renamed here, else when it is
           not empty and was left alone for --settle
  rename   the same, but what is written in place while one follows is left
  close    what its writer has closed and left alone for --settle
  stable   what stays as it is for --settle (default 5s), whoever has it open: for network
           file systems
  marker   what has a file NAME.done or NAME.ok beside it, which goes with it
  lease    what nobody has open for writing

Names that begin with a dot or end in .tmp, .part, .crdownload or ~, and folders, are left
alone. What is no regular file, and what is larger than max_size, goes to DIR/.rejected/, with
the reason in NAME.reason. Without --follow it waits for files that settle within five seconds,
and says what is left and why. That some are left is no error. The exit code is 65 when a file
was rejected, 75 when the queue is full, 77 when a file may not be read or taken. --settle has
no meaning with rename and marker.
With --keep a file counts as the same as long as its inode, size, time and name are, and the
path of DIR. Where DIR is on the queue's file system, `init --inbox` makes it the queue's own.)";
  if (!command.parse(console)) return kExitDone;
  const bool timed = options.done != Completion::rename && options.done != Completion::marker;
  if (options.settle && !timed) {
    command.wrong_use(
        fmt::format("--settle has no meaning with --done={}", to_string(options.done)));
  }
  const std::string& directory = command.arguments()[0];
  console.out.check();
  const Queue queue = open_queue(command.arguments()[1], console);
  require_folder(directory);
  Adopter adopter{queue, directory, options};
  if (follows) return follow(adopter, json, console);
  return run_pass(console, adopter, dry_run, json,
                  [&](const auto& report) { adopter.adopt(report); });
}

}  // namespace spoolq::cli
