// spoolq import: takes over the queue of another program.
#include "cli/commands/commands.hpp"
#include "cli/commands/transfer_report.hpp"
#include "producer/import/importer.hpp"

namespace spoolq::cli {
int import_command(Command& command, Console& console) {
  ImportFormat format{};
  ImportOptions options;
  bool dry_run = false;
  bool json = false;
  command.describe("import", "take over another program's queue", "--from=PROGRAM DIR Q", 2, 2);
  command.one_of("--from", format, "PROGRAM", "whose queue it is: dirq, maildir or nq",
                 choices({ImportFormat::dirq, ImportFormat::maildir, ImportFormat::nq}));
  command.flag("--keep", options.keep, "leave everything where it is, and take each once");
  command.flag("--dry-run", dry_run, "print what would become of each element, and why");
  command.flag("--json", json, "print JSON");
  command.example("spoolq import --from=maildir Maildir jobs",
                  "what is in Maildir/new becomes messages");
  command.example("spoolq import --from=dirq queue jobs --dry-run", "say what would be taken");
  command.example("spoolq import --from=nq nq jobs --keep",
                  "jobs that were not run yet; leave them there, too");
  command.details =
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
  if (!command.parse(console)) return kExitDone;
  if (!command.given(&format)) {
    command.wrong_use("whose queue is it? --from=dirq, maildir or nq", true);
  }
  const std::string& directory = command.arguments()[0];
  console.out.check();
  const Queue queue = open_queue(command.arguments()[1], console);
  require_folder(directory);
  Importer importer{queue, directory, format, options};
  return run_pass(console, importer, dry_run, json,
                  [&](const auto& report) { importer.import(report); });
}

}  // namespace spoolq::cli
