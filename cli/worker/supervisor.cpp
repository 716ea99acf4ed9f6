// The worker's end of the supervising process (supervised_job.cpp).
#include "cli/worker/supervisor.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>

#include "cli/worker/supervised_job.hpp"

namespace spoolq::cli {

Supervisor::Supervisor(const Launch& launch) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::system_error{errno, std::generic_category(), "socketpair"};
  }
  socket_ = File{ends[0]};
  const File its_socket{ends[1]};
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  process_ = ::fork();
  if (process_ == 0) supervise(launch, its_socket.get());
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (process_ < 0) throw std::system_error{error, std::generic_category(), "fork"};
}

Supervisor::~Supervisor() {
  socket_.close();  // As if we had died.
  wake();
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

std::optional<Report> Supervisor::report() {
  Report report;
  ssize_t count = -1;
  do {
    count = ::recv(socket_.get(), &report, sizeof report, 0);
  } while (count < 0 && errno == EINTR);
  if (count != static_cast<ssize_t>(sizeof report)) {
    // Killed, by hand or for want of memory. The job's first process went with it; its group
    // cannot be asked any more whose it is, but just now it was the job's.
    if (job_ > 0) ::kill(-std::exchange(job_, -1), SIGKILL);
    return std::nullopt;
  }
  if (report.kind == Report::Kind::started) job_ = report.value;
  if (report.kind == Report::Kind::ended) job_ = -1;
  return report;
}

void Supervisor::wake() const { ::kill(process_, SIGCONT); }

void Supervisor::terminate() const {
  wake();
  static_cast<void>(::send(socket_.get(), &kTerminate, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

void Supervisor::kill() const {
  wake();
  static_cast<void>(::send(socket_.get(), &kKill, 1, MSG_NOSIGNAL | MSG_DONTWAIT));
}

}  // namespace spoolq::cli
