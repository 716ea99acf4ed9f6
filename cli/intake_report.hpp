// What adopt and import say of each file.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "cli/print.hpp"
#include "spoolq/adopter.hpp"

namespace spoolq::cli {

/// Prints what was taken, says what was left, and remembers the code of the first error.
class IntakeReport {
 public:
  /// With `at_once` each line is written when it is known, for runs that go on.
  IntakeReport(Console& console, bool json, bool at_once)
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

}  // namespace spoolq::cli
