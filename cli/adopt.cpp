// adopt, import: the files of a folder, and the queues of other programs, become messages.
#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/intake_report.hpp"
#include "cli/queue_argument.hpp"
#include "cli/signals.hpp"
#include "spoolq/adopter.hpp"
#include "spoolq/importer.hpp"

namespace spoolq::cli {
namespace {

/// One pass. What was taken before an error is to be known.
template <typename Pass>
int run_once(IntakeReport& outcomes, Console& console, Pass pass) {
  try {
    pass([&outcomes](const Appraisal& appraisal) { outcomes.tell(appraisal); });
  } catch (const Error&) {
    console.out.flush();
    throw;
  }
  outcomes.tell_ignored();
  if (const int signal = stop_signal(); signal != 0) return kExitSignal + signal;
  return outcomes.code();
}

}  // namespace

int run(const AdoptArguments& arguments, Console& console) {
  console.out.check();
  const Queue queue = open_queue(arguments.queue, console);
  require_folder(arguments.directory);
  Adopter adopter{queue, arguments.directory, arguments.options};
  if (arguments.dry_run) {
    print_verdicts(adopter.appraise(), arguments.json, console);
    return kExitDone;
  }
  const StopOnSignals stop_on_signals{adopter};
  IntakeReport outcomes{console, arguments.json, arguments.follow};
  if (!arguments.follow) {
    return run_once(outcomes, console, [&](const auto& report) { adopter.adopt(report); });
  }
  try {
    adopter.follow([&outcomes](const Appraisal& appraisal) { outcomes.tell(appraisal); });
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    throw Failure{kExitNotFound, describe(error)};
  }
  // Being stopped is how this ends well.
  return kExitDone;
}

int run(const ImportArguments& arguments, Console& console) {
  console.out.check();
  const Queue queue = open_queue(arguments.queue, console);
  require_folder(arguments.directory);
  Importer importer{queue, arguments.directory, arguments.format, arguments.options};
  if (arguments.dry_run) {
    print_verdicts(importer.appraise(), arguments.json, console);
    return kExitDone;
  }
  const StopOnSignals stop_on_signals{importer};
  IntakeReport outcomes{console, arguments.json, false};
  return run_once(outcomes, console, [&](const auto& report) { importer.import(report); });
}

}  // namespace spoolq::cli
