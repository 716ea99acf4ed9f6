// Which error ends in which exit code, and what is said about it.
#include "cli/output/exit_codes.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "cli/output/print.hpp"

namespace spoolq::cli {
namespace {

ExitCode exit_code_of_library(errc code) {
  switch (code) {
    case errc::not_a_queue:
    case errc::no_such_message:
    case errc::ambiguous_id:
      return kExitNotFound;
    case errc::bad_value:
    case errc::too_large:
    case errc::damaged:
    case errc::headers_refused:
      return kExitBadValue;
    case errc::queue_full:
      return kExitRefusedForNow;
    case errc::claim_lost:
    case errc::claim_owned:
      return kExitClaimLost;
    case errc::indeterminate:
      return kExitIndeterminate;
    case errc::bad_settings:
    case errc::unsupported_format:
      return kExitSettings;
    case errc::unsafe_permissions:
      return kExitPermission;
    case errc::foreign_process:
      return kExitBug;
    case errc::condemned:
      return kExitInputOutput;
  }
  return kExitInputOutput;
}

}  // namespace

ExitCode exit_code_of(const std::error_code& code) {
  if (code.category() == error_category()) {
    return exit_code_of_library(static_cast<errc>(code.value()));
  }
  if (code == condition::temporary) return kExitRefusedForNow;
  switch (code.value()) {
    case EACCES:
    case EPERM:
    case EROFS:
      return kExitPermission;
    default:
      return kExitInputOutput;
  }
}

std::string describe(const Error& error) {
  std::string text = escape(error.operation());
  if (!error.path().empty())
    text += fmt::format("{}{}", text.empty() ? "" : " ", escape(error.path()));
  text += fmt::format("{}{}", text.empty() ? "" : ": ", error.code().message());
  if (!error.detail().empty()) text += fmt::format(": {}", escape(error.detail()));
  return text;
}

Failure system_failure(int error, const std::string& operation, const std::string& path) {
  const std::error_code code{error, std::generic_category()};
  return Failure{exit_code_of(code),
                 fmt::format("{} {}: {}", operation, escape(path), code.message())};
}

}  // namespace spoolq::cli
