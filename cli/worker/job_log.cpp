// The job log.
#include "cli/worker/job_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

#include "cli/exit_codes.hpp"
#include "cli/print.hpp"
#include "cli/units.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kHeadings =
    "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

/// One call, so that lines of several writers do not mix.
bool append(int fd, std::string_view line) {
  ssize_t count = -1;
  do {
    count = ::write(fd, line.data(), line.size());
  } while (count < 0 && errno == EINTR);
  if (count >= 0 && static_cast<std::size_t>(count) < line.size()) errno = ENOSPC;
  return count == static_cast<ssize_t>(line.size());
}

Failure cannot_write(const std::string& path) {
  const std::error_code code{errno, std::generic_category()};
  const bool forbidden = errno == EACCES || errno == EPERM || errno == EROFS;
  return Failure{forbidden ? kExitPermission : kExitCannotCreate,
                 fmt::format("{}: {}", shown_path(path), code.message())};
}

}  // namespace

JobLog::JobLog(const std::string& path)
    : file_{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)} {
  struct stat status{};
  // Of several workers that begin together one writes the headings.
  if (!file_ || (::flock(file_.get(), LOCK_EX) != 0 && errno != ENOTSUP && errno != ENOLCK) ||
      ::fstat(file_.get(), &status) != 0) {
    throw cannot_write(path);
  }
  if (status.st_size == 0 && !append(file_.get(), kHeadings)) throw cannot_write(path);
  ::flock(file_.get(), LOCK_UN);
}

bool JobLog::add(Time started, const JobEnd& end, std::uint64_t sent, std::uint64_t received,
                 const std::vector<std::string>& command) {
  std::string words;
  for (const std::string& word : command) {
    words += (words.empty() ? "" : " ") + shell_quote(word);
  }
  int exit_code = 0;
  int signal = 0;
  switch (end.kind) {
    case JobEnd::Kind::exited:
      exit_code = end.value;
      break;
    case JobEnd::Kind::timed_out:
      exit_code = kExitTimedOut;
      break;
    case JobEnd::Kind::killed:
      signal = end.value;
      break;
    case JobEnd::Kind::not_started:
      exit_code = start_failure_code(end.value);
      break;
    case JobEnd::Kind::aborted:
    case JobEnd::Kind::claim_lost:
    case JobEnd::Kind::unsupervised:
      signal = SIGKILL;
      break;
  }
  const std::int64_t milliseconds = started.time_since_epoch().count();
  const std::lock_guard lock{mutex_};
  return append(file_.get(),
                fmt::format("{}\t:\t{}.{:03}\t{:10.3f}\t{}\t{}\t{}\t{}\t{}\n", ++jobs_,
                            milliseconds / 1000, milliseconds % 1000, to_seconds(end.runtime), sent,
                            received, exit_code, signal, words));
}

}  // namespace spoolq::cli
