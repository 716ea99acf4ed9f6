// Starting the program and talking to it.
#include "tests/support/program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace spoolq::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kConditionMax{10};

[[noreturn]] void fail(const char* operation) {
  throw std::system_error{errno, std::generic_category(), operation};
}

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) fail("pipe2");
    read = ends[0];
    write = ends[1];
  }
  int read = -1;
  int write = -1;
};

void close_fd(int& fd) {
  if (fd >= 0) ::close(std::exchange(fd, -1));
}

std::vector<std::string> environment_of(const Invocation& invocation) {
  std::vector<std::string> result;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text{*variable};
    const std::string name = text.substr(0, text.find('='));
    const bool ours = name.starts_with("SPOOLQ_") || name == "NO_COLOR" || name == "CLICOLOR_FORCE";
    if (!ours && !invocation.environment.contains(name)) result.push_back(text);
  }
  for (const auto& [name, value] : invocation.environment) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

/// The two ends of a terminal that changes no byte, 80 columns wide.
struct Terminal {
  Terminal() {
    struct termios settings{};
    ::cfmakeraw(&settings);
    struct winsize size{};
    size.ws_row = 24;
    size.ws_col = 80;
    if (::openpty(&read, &write, nullptr, &settings, &size) != 0) fail("openpty");
    for (const int fd : {read, write}) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  }
  int read = -1;
  int write = -1;
};

}  // namespace

Scratch::Scratch() {
  std::string name = std::filesystem::temp_directory_path() / "spoolq-cli-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) fail("mkdtemp");
  path_ = name;
}

Scratch::~Scratch() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Running::Running(const Invocation& invocation) : time_max_{invocation.time_max} {
  std::signal(SIGPIPE, SIG_IGN);  // The program may end before it has read its input.
  std::vector<std::string> arguments = {invocation.program.empty() ? program_path()
                                                                   : invocation.program};
  arguments.insert(arguments.end(), invocation.arguments.begin(), invocation.arguments.end());
  std::vector<std::string> environment = environment_of(invocation);
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(environment);
  Pipe input;
  Pipe output;
  Pipe error;
  int output_end = output.write;
  if (!invocation.output_file.empty()) {
    output_end =
        ::open(invocation.output_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (output_end < 0) fail("open");
  }
  if (invocation.reader_gone) close_fd(output.read);
  if (invocation.on_terminal) {
    const Terminal terminal;
    for (Pipe* pipe : {&output, &error}) {
      close_fd(pipe->read);
      close_fd(pipe->write);
    }
    output.read = terminal.read;
    output.write = output_end = terminal.write;
    error.write = ::fcntl(terminal.write, F_DUPFD_CLOEXEC, 0);
  }

  // A signal that is meant for the program must not meet the handlers of the tests.
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pid_ = ::fork();
  if (pid_ == 0) {
    for (const int number : {SIGPIPE, SIGINT, SIGTERM}) ::signal(number, SIG_DFL);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (!invocation.directory.empty() && ::chdir(invocation.directory.c_str()) != 0) ::_exit(126);
    ::dup2(input.read, STDIN_FILENO);
    ::dup2(output_end, STDOUT_FILENO);
    ::dup2(error.write, STDERR_FILENO);
    if (invocation.nonblocking) {
      for (const int fd : {STDIN_FILENO, STDOUT_FILENO}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    }
    if (invocation.input_closed) ::close(STDIN_FILENO);
    if (invocation.output_closed) ::close(STDOUT_FILENO);
    if (invocation.error_closed) ::close(STDERR_FILENO);
    ::execve(argv.front(), argv.data(), envp.data());
    ::_exit(127);
  }
  const int error_of_fork = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid_ < 0) {
    errno = error_of_fork;
    fail("fork");
  }
  if (output_end != output.write) ::close(output_end);
  ::close(input.read);
  ::close(output.write);
  ::close(error.write);
  input_ = input.write;
  output_ = output.read;
  error_ = error.read;
}

Running::~Running() {
  close_fd(input_);
  close_fd(output_);
  close_fd(error_);
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

void Running::signal(int number) const { ::kill(pid_, number); }

bool Running::watches() const {
  std::error_code ignored;
  const auto folder = std::filesystem::path{"/proc"} / std::to_string(pid_) / "fdinfo";
  for (const auto& entry : std::filesystem::directory_iterator{folder, ignored}) {
    if (has(read_file(entry.path()), "inotify wd:")) return true;
  }
  return false;
}

bool Running::sleeps() const {
  // The number of the call that it is in; "running" when it is in none.
  const std::string call = read_file("/proc/" + std::to_string(pid_) + "/syscall");
  const std::string number = call.substr(0, call.find(' '));
  for (const long poll : {SYS_ppoll,
#ifdef SYS_poll
                          SYS_poll
#endif
       }) {
    if (number == std::to_string(poll)) return watches();
  }
  return false;
}

void Running::write(const std::string& bytes) const {
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const ssize_t count = ::write(input_, rest.data(), rest.size());
    if (count < 0) return;  // It has ended; its exit code tells.
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
}

void Running::close_input() { close_fd(input_); }

std::string Running::read_line() {
  std::string line;
  const auto deadline = Clock::now() + kConditionMax;
  while (Clock::now() < deadline) {
    struct pollfd ready = {.fd = output_, .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, 100) <= 0) continue;
    char c = 0;
    if (::read(output_, &c, 1) != 1) break;
    line += c;
    if (c == '\n') break;
  }
  return line;
}

Outcome Running::wait(const std::string& input) {
  // A thread of its own, because the program may print before it has read all.
  std::thread writer{[&] {
    write(input);
    close_input();
  }};
  Outcome outcome;
  const auto deadline = Clock::now() + time_max_;
  while ((output_ >= 0 || error_ >= 0) && Clock::now() < deadline) {
    std::array<struct pollfd, 2> ready = {{{.fd = output_, .events = POLLIN, .revents = 0},
                                           {.fd = error_, .events = POLLIN, .revents = 0}}};
    if (::poll(ready.data(), ready.size(), 1000) <= 0) continue;
    const auto drain = [](const struct pollfd& end, int& fd, std::string& text) {
      if (end.revents == 0) return;
      std::array<char, 65536> buffer{};
      const ssize_t count = ::read(fd, buffer.data(), buffer.size());
      if (count > 0) {
        text.append(buffer.data(), static_cast<std::size_t>(count));
      } else {
        close_fd(fd);
      }
    };
    drain(ready[0], output_, outcome.out);
    drain(ready[1], error_, outcome.err);
  }
  if (output_ >= 0 || error_ >= 0) ::kill(pid_, SIGKILL);
  const bool too_long = output_ >= 0 || error_ >= 0;
  writer.join();  // Its pipe breaks at the latest when the program has ended.
  int status = 0;
  if (::waitpid(std::exchange(pid_, -1), &status, 0) < 0) fail("waitpid");
  if (!too_long) outcome.exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

Outcome run(const Invocation& invocation) {
  Running program{invocation};
  return program.wait(invocation.input);
}

Outcome run(const std::vector<std::string>& arguments, const std::string& input) {
  return run(Invocation{.arguments = arguments, .input = input});
}

std::string run_well(const std::vector<std::string>& arguments, const std::string& input) {
  Outcome outcome = run(arguments, input);
  if (outcome.exit != 0) {
    std::string words = "spoolq";
    for (const std::string& argument : arguments) words += " " + argument;
    throw std::runtime_error{words + ": exit " + std::to_string(outcome.exit) + ": " + outcome.err};
  }
  if (outcome.out.ends_with('\n')) outcome.out.pop_back();
  return outcome.out;
}

bool eventually(const std::function<bool()>& condition) {
  const auto deadline = Clock::now() + kConditionMax;
  while (Clock::now() < deadline) {
    if (condition()) return true;
    std::this_thread::yield();
  }
  return false;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

void write_file(const std::filesystem::path& path, const std::string& content) {
  std::ofstream file{path, std::ios::binary};
  file << content;
  if (!file.flush()) throw std::runtime_error{"cannot write " + path.string()};
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (!entry.path().filename().string().starts_with('.'))
      names.push_back(entry.path().filename());
  }
  std::ranges::sort(names);
  return names;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream{text};
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace spoolq::test
