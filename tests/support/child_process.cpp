// fork, waitpid, pipe.
#include "tests/support/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <limits>
#include <stdexcept>

namespace spoolq::test {
namespace {

constexpr int kPatience = 30'000;  // Milliseconds.
constexpr int kThrew = 99;

}  // namespace

ChildProcess::ChildProcess(const std::function<int()>& body) : pid_{::fork()} {
  if (pid_ < 0) throw std::runtime_error{"fork"};
  if (pid_ > 0) return;
  int code = kThrew;
  try {
    code = body();
  } catch (...) {
    code = kThrew;
  }
  ::_exit(code);
}

ChildProcess::~ChildProcess() { kill(); }

void ChildProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

int ChildProcess::wait() {
  // Readable when the child has ended (pidfd_open(2)).
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  pollfd waiting{watch, POLLIN, 0};
  const int ended = ::poll(&waiting, 1, kPatience);
  ::close(watch);
  if (ended != 1) {
    kill();
    throw std::runtime_error{"a child did not end"};
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

Pipe::Pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"pipe2"};
  read_ = ends[0];
  write_ = ends[1];
}

Pipe::~Pipe() {
  ::close(read_);
  close_sender();
}

void Pipe::send(std::string_view bytes) const {
  if (::write(write_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
    throw std::runtime_error{"write to a pipe"};
  }
}

void Pipe::close_sender() {
  if (write_ >= 0) ::close(write_);
  write_ = -1;
}

std::string Pipe::receive(std::size_t size) const {
  std::string bytes;
  std::array<char, 65536> buffer{};
  while (bytes.size() < size) {
    pollfd waiting{read_, POLLIN, 0};
    if (::poll(&waiting, 1, kPatience) <= 0) {
      throw std::runtime_error{"nothing came through a pipe"};
    }
    const ssize_t got = ::read(read_, buffer.data(), std::min(buffer.size(), size - bytes.size()));
    if (got <= 0) break;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return bytes;
}

std::string Pipe::receive_all() const { return receive(std::numeric_limits<std::size_t>::max()); }

}  // namespace spoolq::test
