// spoolq import: takes over the queue of another program.
#include <array>

#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/transfer_report.hpp"
#include "producer/import/importer.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {
    {.name = "from", .value = "PROGRAM", .help = "whose queue it is: dirq, maildir or nq"},
    {.name = "keep", .help = "leave everything where it is, and take each once"},
    {.name = "dry-run", .help = "print what would become of each element, and why"},
    kJson,
};

constexpr Example kExamples[] = {
    {"spoolq import --from=maildir Maildir jobs", "what is in Maildir/new becomes messages"},
    {"spoolq import --from=dirq queue jobs --dry-run", "say what would be taken"},
    {"spoolq import --from=nq nq jobs --keep", "jobs that were not run yet; leave them there, too"},
};

constexpr std::string_view kDetails =
    R"(Each element becomes a message with its bytes, its name and its time, once: it goes when its
message is on disk, and a repeated import doubles nothing, also with --keep. For each, its id
and its name are printed, with a tab between them. Stop the other queue's consumers first; what
they have locked is left, and said to be.

  dirq     the directory queue of CERN (python3-dirq, Directory::Queue), simple or normal. Of
           several fields, body, data, payload, text or content is the payload; the others
           become headers
  maildir  what is in new/; mail in cur/, which somebody has seen, is left
  nq       jobs that were not run. The payload is `exec nq CMD...`; to run CMD:
           spoolq work Q -- sh -c 'sed "1s/^exec nq //;q" | sh')";

struct ImportArguments {
  std::string directory;
  std::string queue;
  ImportFormat format = ImportFormat::dirq;
  ImportOptions options{};
  bool dry_run = false;
  bool json = false;
};

ImportArguments parse_import(const Parsed& parsed) {
  if (!parsed.flag("from")) parsed.wrong_use("whose queue is it? --from=dirq, maildir or nq", true);
  constexpr std::array kFormats{ImportFormat::dirq, ImportFormat::maildir, ImportFormat::nq};
  std::vector<std::string_view> names;
  names.reserve(kFormats.size());
  for (const ImportFormat each : kFormats) names.push_back(to_string(each));
  return {.directory = parsed.queue(),
          .queue = parsed.arguments()[1],
          .format = kFormats.at(parsed.choice("from", names)),
          .options = {.keep = parsed.flag("keep")},
          .dry_run = parsed.flag("dry-run"),
          .json = parsed.flag("json")};
}

int run(const Parsed& parsed, Console& console) {
  const ImportArguments arguments = parse_import(parsed);
  console.out.check();
  const Queue queue = open_queue(arguments.queue, console);
  require_folder(arguments.directory);
  Importer importer{queue, arguments.directory, arguments.format, arguments.options};
  if (arguments.dry_run) {
    print_verdicts(importer.appraise(), arguments.json, console);
    return kExitDone;
  }
  const StopOnSignals stop_on_signals{importer};
  TransferReport outcomes{console, arguments.json, false};
  return run_once(outcomes, console, [&](const auto& report) { importer.import(report); });
}

}  // namespace

const Command kImportCommand{.name = "import",
                             .group = Group::send,
                             .summary = "take over another program's queue",
                             .usage = "--from=PROGRAM DIR Q",
                             .arguments_min = 2,
                             .arguments_max = 2,
                             .options = kOptions,
                             .examples = kExamples,
                             .details = kDetails,
                             .run = run};

}  // namespace spoolq::cli
