// What becomes of one file.
#include "producer/adopt/transfer_item.hpp"

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {

void refuse(Transferred& result, const Error& error) {
  result.outcome = Transferred::Outcome::refused;
  result.error = error.code();
  result.reason = error.what();
}

void refuse_or_rethrow(Transferred& result, const Error& error) {
  const std::error_code& code = error.code();
  const bool is_about_one_file = is_forbidden(code) || code == errc::too_large ||
                                 code == errc::headers_refused || code == errc::bad_value ||
                                 code == condition::temporary;
  if (!is_about_one_file) throw;
  refuse(result, error);
}

Appraisal appraisal_of(const std::string& file, const std::string& reason,
                       const Transferred& result) {
  Appraisal appraisal{.file = file, .reason = result.reason, .error = result.error};
  if (result.outcome == Transferred::Outcome::taken) {
    appraisal.verdict = Verdict::take;
    appraisal.reason = reason;
    appraisal.id = result.id;
  } else if (result.outcome == Transferred::Outcome::changed) {
    appraisal.reason = "it changed while it was looked at";
  }
  return appraisal;
}

}  // namespace spoolq::detail
