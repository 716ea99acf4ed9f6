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

bool is_forbidden(int error) { return error == EACCES || error == EPERM || error == EROFS; }

}  // namespace

ExitCode exit_code_of(const std::error_code& code) {
  if (code.category() == error_category()) {
    return exit_code_of_library(static_cast<errc>(code.value()));
  }
  if (code == condition::temporary) return kExitRefusedForNow;
  return is_forbidden(code.value()) ? kExitPermission : kExitInputOutput;
}

ExitCode exit_code_of_start(int error) {
  return error == ENOENT || error == ENOTDIR ? kExitNoCommand : kExitNotExecutable;
}

bool leads_nowhere(const std::error_code& code) {
  return code == std::errc::no_such_file_or_directory || code == std::errc::not_a_directory ||
         code == std::errc::filename_too_long || code == std::errc::too_many_symbolic_link_levels;
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

Failure input_failure(int error, const std::string& path) {
  const std::error_code code{error, std::generic_category()};
  const bool missing = leads_nowhere(code) || error == EISDIR;
  return Failure{missing ? kExitNotFound : exit_code_of(code),
                 fmt::format("{}: {}", shown_path(path), code.message())};
}

Failure output_failure(int error, const std::string& path, std::string_view before,
                       ExitCode otherwise) {
  const std::error_code code{error, std::generic_category()};
  if (is_forbidden(error)) {
    otherwise = kExitPermission;
  } else if (leads_nowhere(code) || error == EEXIST) {
    otherwise = kExitCannotCreate;
  }
  return Failure{otherwise, fmt::format("{}{}: {}", before, shown_path(path), code.message())};
}

}  // namespace spoolq::cli
