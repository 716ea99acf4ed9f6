// spoolq adopt: takes the files of a folder into a queue.
#include <fmt/format.h>

#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/transfer_report.hpp"
#include "spoolq/adopter.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {
    {.name = "done",
     .value = "RULE",
     .help = "when a file is complete: auto (default), rename, close, stable, marker, lease"},
    {.name = "settle",
     .value = "D",
     .help = "how long it must have been left alone; default: the queue's setting settle"},
    {.name = "follow", .help = "go on with what comes, until TERM or INT"},
    {.name = "keep", .help = "leave the files where they are, and take each once"},
    {.name = "dry-run", .help = "print what would become of each file, and why; change nothing"},
    kJson,
};

constexpr Example kExamples[] = {
    {"spoolq adopt inbox jobs", "every file of the folder inbox becomes a message"},
    {"spoolq adopt inbox jobs --follow", "and every file that comes, until it is stopped"},
    {"spoolq adopt inbox jobs --dry-run", "say what would be taken"},
    {"spoolq adopt inbox jobs --done=marker --keep", "take what has a NAME.done, and leave it"},
};

constexpr std::string_view kDetails =
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

AdoptOptions parse_options(const Parsed& parsed) {
  const AdoptOptions options{
      .done = parsed.choice("done", {Completion::automatic, Completion::rename, Completion::close,
                                     Completion::stable, Completion::marker, Completion::lease}),
      .settle = parsed.duration("settle"),
      .keep = parsed.flag("keep")};
  if (parsed.flag("follow") && parsed.flag("dry-run")) {
    parsed.wrong_use("--follow and --dry-run exclude each other");
  }
  const bool timed = options.done != Completion::rename && options.done != Completion::marker;
  if (options.settle && !timed) {
    parsed.wrong_use(
        fmt::format("--settle has no meaning with --done={}", to_string(options.done)));
  }
  return options;
}

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

int run(const Parsed& parsed, Console& console) {
  const AdoptOptions options = parse_options(parsed);
  const std::string& directory = parsed.queue();
  console.out.check();
  const Queue queue = open_queue(parsed.arguments()[1], console);
  require_folder(directory);
  Adopter adopter{queue, directory, options};
  if (parsed.flag("follow")) return follow(adopter, parsed.flag("json"), console);
  return run_pass(parsed, console, adopter, [&](const auto& report) { adopter.adopt(report); });
}

}  // namespace

const Command kAdoptCommand{.name = "adopt",
                            .group = Group::send,
                            .summary = "take the files of a folder into a queue",
                            .usage = "DIR Q",
                            .arguments_min = 2,
                            .arguments_max = 2,
                            .options = kOptions,
                            .examples = kExamples,
                            .details = kDetails,
                            .run = run};

}  // namespace spoolq::cli
