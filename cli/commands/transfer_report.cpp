// Lines about files.
#include "cli/commands/transfer_report.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "cli/output/exit_codes.hpp"
#include "cli/output/json.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {

void TransferReport::tell(const Appraisal& appraisal) {
  if (code_ == kExitDone) {
    if (appraisal.error) code_ = exit_code_of(appraisal.error);
    if (appraisal.verdict == Verdict::reject) code_ = kExitBadValue;
  }
  if (json_) {
    console_.out.write(appraisal_document(appraisal));
  } else if (appraisal.verdict == Verdict::take) {
    console_.out.write(fmt::format("{}\t{}\n", appraisal.id, escape(appraisal.file)));
  } else if (appraisal.verdict == Verdict::ignore) {
    ++ignored_[appraisal.reason];
  } else {
    console_.complain(fmt::format("{} {}: {}",
                                  appraisal.verdict == Verdict::reject ? "rejected" : "left",
                                  escape(appraisal.file), escape(appraisal.reason)));
  }
  if (at_once_) console_.out.flush();
}

void TransferReport::tell_ignored() const {
  for (const auto& [reason, count] : ignored_) {
    console_.complain(fmt::format("left {}: {}", count, escape(reason)));
  }
}

void print_verdicts(const std::vector<Appraisal>& appraisals, bool json, Console& console) {
  for (const Appraisal& appraisal : appraisals) {
    console.out.write(json ? appraisal_document(appraisal)
                           : fmt::format("{}\t{}\t{}\n", to_string(appraisal.verdict),
                                         escape(appraisal.file), escape(appraisal.reason)));
  }
}

void require_folder(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno != ENOENT && errno != ENOTDIR) throw system_failure(errno, "open", path);
    throw Failure{kExitNotFound, fmt::format("no folder at {}", shown_path(path))};
  }
  if (S_ISDIR(status.st_mode)) return;
  throw Failure{kExitNotFound,
                fmt::format("{} is no folder; `spoolq put` takes files", shown_path(path))};
}

}  // namespace spoolq::cli
