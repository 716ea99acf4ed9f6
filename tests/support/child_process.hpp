// A forked child of the test, and a pipe for what it has to say.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace spoolq::test {

/// Runs a function in a forked child. A child that is still there at the end is killed.
class ChildProcess {
 public:
  /// The child ends with what `body` returns, or with 99 when it throws. It prints nothing and runs
  /// no destructors of its parent's.
  explicit ChildProcess(const std::function<int()>& body);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// kill -9, and waits for the end.
  void kill();
  /// The exit code, or 128 and the signal; kills the child after 30 seconds.
  int wait();

 private:
  pid_t pid_ = -1;
};

/// Whole messages of up to PIPE_BUF bytes between processes.
class Pipe {
 public:
  Pipe();
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe();

  void send(std::string_view bytes) const;
  void close_sender();
  /// `size` bytes; fewer when every sender has closed the pipe. Gives up after 30 seconds.
  [[nodiscard]] std::string receive(std::size_t size) const;
  /// All that comes until every sender has closed the pipe.
  [[nodiscard]] std::string receive_all() const;

 private:
  int read_ = -1;
  int write_ = -1;
};

}  // namespace spoolq::test
