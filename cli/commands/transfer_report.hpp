// What adopt and import say of each file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "cli/output/signals.hpp"
#include "spoolq/adopter.hpp"

namespace spoolq::cli {

/// Prints what was taken, says what was left, and remembers the code of the first error.
class TransferReport {
 public:
  /// With `at_once` each line is written when it is known, for runs that go on.
  TransferReport(Console& console, bool json, bool at_once)
      : console_{console}, json_{json}, at_once_{at_once} {}

  void tell(const Appraisal& appraisal);
  /// Says how many were left that were not meant, by their reasons.
  void tell_ignored() const;
  [[nodiscard]] int code() const { return code_; }

 private:
  Console& console_;
  bool json_;
  bool at_once_;
  std::map<std::string, std::size_t> ignored_;
  int code_ = 0;
};

/// For --dry-run: VERDICT, name and reason, with tabs between them, or JSON.
void print_verdicts(const std::vector<Appraisal>& appraisals, bool json, Console& console);

/// Throws Failure unless there is a folder at `path`.
void require_folder(const std::string& path);

/// One pass of an Adopter or Importer, or, with --dry-run, what would become of each file. `pass`
/// is given what it reports to. What was taken before an error is printed. Returns the exit code.
template <typename Transfer, typename Pass>
int run_pass(Console& console, Transfer& transfer, bool dry_run, bool json, Pass pass) {
  if (dry_run) {
    print_verdicts(transfer.appraise(), json, console);
    return kExitDone;
  }
  const StopOnSignals stop_on_signals{transfer};
  TransferReport outcomes{console, json, false};
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

}  // namespace spoolq::cli
