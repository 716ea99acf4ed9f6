// Forking and killing workers.
#include "tests/crash/crew.hpp"

#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <exception>
#include <system_error>
#include <utility>

namespace spoolq::test {

Crew::Member Crew::spawn(Work work) {
  Member member;
  member.worker = ++last_;
  member.work = std::move(work);
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  member.pid = ::fork();
  if (member.pid < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (member.pid > 0) return member;

  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(0);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
  try {
    member.work(member.worker);
    fmt::print(stderr, "worker {} came to its end\n", member.worker);
  } catch (const std::exception& error) {
    fmt::print(stderr, "worker {}: {}\n", member.worker, error.what());
  }
  ledger_.record(member.worker, What::trouble);
  ::_exit(1);
}

void Crew::start(Work work) { members_.push_back(spawn(std::move(work))); }

void Crew::bury(const Member& member) {
  // Before the kill: from then on the kernel may free its locks at any time. While the power is
  // off nothing is written, and nothing needs to be.
  if (ledger_.power()) ledger_.record(member.worker, What::killed);
  ::kill(member.pid, SIGKILL);
  int status = 0;
  while (::waitpid(member.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) {
    fmt::print(stderr, "worker {} crashed with signal {}\n", member.worker, WTERMSIG(status));
    if (ledger_.power()) ledger_.record(member.worker, What::trouble);
  }
}

void Crew::kill(std::size_t index) {
  const auto member = members_.begin() + static_cast<std::ptrdiff_t>(index);
  bury(*member);
  members_.erase(member);
}

void Crew::replace(std::size_t index) {
  bury(members_[index]);
  members_[index] = spawn(members_[index].work);
}

void Crew::kill_all() {
  // All first, so that none lives on the death of another.
  for (const Member& member : members_) {
    if (ledger_.power()) ledger_.record(member.worker, What::killed);
    ::kill(member.pid, SIGKILL);
  }
  for (const Member& member : members_) bury(member);
  members_.clear();
}

}  // namespace spoolq::test
