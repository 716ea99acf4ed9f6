// spoolq import: takes over the queue of another program.
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

int run(const Parsed& parsed, Console& console) {
  if (!parsed.flag("from")) parsed.wrong_use("whose queue is it? --from=dirq, maildir or nq", true);
  const auto format =
      parsed.choice("from", {ImportFormat::dirq, ImportFormat::maildir, ImportFormat::nq});
  const std::string& directory = parsed.queue();
  console.out.check();
  const Queue queue = open_queue(parsed.arguments()[1], console);
  require_folder(directory);
  Importer importer{queue, directory, format, {.keep = parsed.flag("keep")}};
  return run_pass(parsed, console, importer, [&](const auto& report) { importer.import(report); });
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
