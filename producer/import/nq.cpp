// The folder of nq(1): a job is a file `,TIME.PID`, whose time is milliseconds since 1970 in hex,
// locked with flock(2) while it waits or runs, with its output behind the command. What it ends
// with is appended in brackets.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <cerrno>
#include <charconv>
#include <optional>

#include "producer/import/formats.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

constexpr std::size_t kTimeDigitsMin = 11;
constexpr const char* kRun = "it has been run";
constexpr const char* kBegun = "it was begun, and did not come to its end";

/// The time in a job's name; nullopt when it is not one.
std::optional<Time> time_in(std::string_view name) {
  if (!name.starts_with(',')) return std::nullopt;
  name.remove_prefix(1);
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos || dot < kTimeDigitsMin || dot + 1 == name.size() ||
      name.find_first_not_of("0123456789", dot + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  std::int64_t milliseconds = 0;
  const char* const end = name.data() + dot;
  const auto [position, error] = std::from_chars(name.data(), end, milliseconds, 16);
  if (error != std::errc{} || position != end) return std::nullopt;
  return Time{Duration{milliseconds}};
}

/// The bytes after the command, from where its output begins.
bool has_ended(std::string_view content) {
  return content.ends_with("]\n") &&
         (content.rfind("\n[exited with status ") != std::string_view::npos ||
          content.rfind("\n[killed by signal ") != std::string_view::npos);
}

/// Whether anything stands behind the command: a newline that is not in one of its quoted words.
bool has_begun(std::string_view content) {
  bool is_quoted = false;
  for (std::size_t i = 0; i < content.size(); ++i) {
    const char c = content[i];
    if (c == '\'') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && c == '\n') {
      return true;
    } else if (!is_quoted && c == '\\') {
      ++i;
    }
  }
  return false;
}

/// Why it is left, or nothing. Sets what it is known by.
std::optional<std::string> reason_to_leave(Sys& sys, int directory, Element& element) {
  const std::string& name = element.arrival.file;
  struct stat& status = element.arrival.status;
  const SysResult opened = sys.openat(directory, name.c_str(), kReadFlags);
  if (!opened.ok()) return std::generic_category().message(opened.error());
  const UniqueFd fd{sys, opened};
  if (!sys.statx(fd.get(), "", status, element.arrival.born).ok() || !S_ISREG(status.st_mode))
    return "not a regular file";
  if (sys.flock(fd.get(), LOCK_SH | LOCK_NB).error() == EWOULDBLOCK) {
    return "nq runs it, or it waits to be run";
  }
  // nq sets this when a job begins, and takes it away when it finds that one has ended.
  if ((status.st_mode & S_IXUSR) != 0) return kBegun;
  try {
    const auto content = read_whole_file(sys, directory, name.c_str(), name);
    if (content && has_ended(*content)) return kRun;
    if (content && has_begun(*content)) return kBegun;
  } catch (const Error& error) {
    // So much output has only a job that was run.
    if (error.code() == std::errc::file_too_large) return kRun;
    throw;
  }
  return std::nullopt;
}

}  // namespace

void visit_nq(const TransferFolder& folder, const VisitElements& visit) {
  Sys& sys = folder.queue().sys();
  bool is_nq = false;
  bool has_others = false;
  const auto is_job = [&](std::string_view entry) {
    // While a job is being made, a dot stands before its name.
    const bool is_meant = time_in(entry).has_value();
    is_nq = is_nq || is_meant || time_in(entry.substr(1)).has_value();
    has_others = has_others || !is_meant;
    return is_meant;
  };
  const auto jobs = sorted_entries(sys, folder.descriptor(), folder.path(), is_job);
  if (!is_nq && has_others) {
    throw_errc(errc::bad_value, "import", folder.path(), "no folder of nq: no files ,TIME.PID");
  }
  std::vector<Element> elements;
  for (const std::string& name : jobs) {
    Element element;
    element.arrival.file = name;
    if (const auto why = reason_to_leave(sys, folder.descriptor(), element)) {
      element.leave(*why == kRun ? Verdict::ignore : Verdict::wait, *why);
    } else {
      element.reason = "it was not run";
      element.arrival.name =
          name_at(folder, element.arrival, time_in(name)->time_since_epoch(), name);
    }
    elements.push_back(std::move(element));
  }
  visit(elements, folder.descriptor());
}

}  // namespace spoolq::detail
