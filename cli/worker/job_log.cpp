// The job log.
#include "cli/worker/job_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

constexpr int kLockTriesMax = 20;
constexpr int kLockPause = 50;  // Milliseconds.
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
  return output_failure(errno, path, {}, kExitCannotCreate);
}

/// Of several workers that begin together one writes the headings. Not for long: another program
/// may have its own reason to keep the file locked.
void lock_for_a_moment(int fd) {
  for (int i = 0; i < kLockTriesMax; ++i) {
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;
    static_cast<void>(::poll(nullptr, 0, kLockPause));
  }
}

}  // namespace

// Does not wait for a reader, where it is a FIFO.
JobLog::JobLog(const std::string& path)
    : file_{::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0666)} {
  struct stat status{};
  if (!file_ || ::fcntl(file_.get(), F_SETFL, O_APPEND) != 0) throw cannot_write(path);
  lock_for_a_moment(file_.get());
  if (::fstat(file_.get(), &status) != 0) throw cannot_write(path);
  if (status.st_size == 0 && !append(file_.get(), kHeadings)) throw cannot_write(path);
  ::flock(file_.get(), LOCK_UN);
}

bool JobLog::add(Time started, const JobEnd& end, std::uint64_t sent, std::uint64_t received,
                 const std::vector<std::string>& command) {
  std::string words;
  for (const std::string& word : command) {
    words += (words.empty() ? "" : " ") + shell_quote(word);
  }
  using Kind = JobEnd::Kind;
  const int exit_code =
      end.kind == Kind::not_started ? exit_code_of_start(end.value) : end.exit_code().value_or(0);
  int signal = 0;
  if (end.kind == Kind::killed) signal = end.value;
  for (const Kind kind : {Kind::aborted, Kind::claim_lost, Kind::unsupervised}) {
    if (end.kind == kind) signal = SIGKILL;
  }
  const std::int64_t milliseconds = started.time_since_epoch().count();
  const std::lock_guard lock{mutex_};
  // What may have been written of a line before the disk was full is not to spoil this one.
  const std::string_view begin = torn_ ? "\n" : "";
  const bool written = append(
      file_.get(), fmt::format("{}{}\t:\t{}.{:03}\t{:10.3f}\t{}\t{}\t{}\t{}\t{}\n", begin, ++jobs_,
                               milliseconds / 1000, milliseconds % 1000, to_seconds(end.runtime),
                               sent, received, exit_code, signal, words));
  torn_ = !written;
  return written;
}

}  // namespace spoolq::cli
