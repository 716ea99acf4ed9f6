// fork, SIGSTOP, SIGCONT, SIGKILL.
#include "tests/crash/company_actor.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>
#include <utility>

#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr int kNotFound = 127;
constexpr int kSignalled = 128;
constexpr mode_t kMode = 0600;

fs::path next_files(const fs::path& scratch) {
  static std::uint64_t count = 0;
  return scratch / fmt::format("actor{}", ++count);
}

void redirect(const std::string& path, int flags, int to) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, kMode);
  if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(kNotFound);
}

[[noreturn]] void execute(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments.front(), arguments.data());
  ::_exit(kNotFound);
}

}  // namespace

Actor::Actor(const fs::path& scratch, std::string kind, std::vector<std::string> words,
             const std::string& input)
    : kind_{std::move(kind)}, files_{next_files(scratch)}, words_{std::move(words)} {
  spawn([this] { execute(words_); }, input);
}

Actor::Actor(const fs::path& scratch, std::string kind, const std::function<void()>& body)
    : kind_{std::move(kind)}, files_{next_files(scratch)} {
  spawn(body, {});
}

Actor::~Actor() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  for (const char* const suffix : {".in", ".out", ".err"}) {
    std::error_code ignored;
    fs::remove(files_.string() + suffix, ignored);
  }
}

void Actor::spawn(const std::function<void()>& child, const std::string& input) {
  write_file(files_.string() + ".in", input);
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ < 0) throw std::system_error{errno, std::generic_category(), "fork"};
  if (pid_ > 0) return;

  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kNotFound);
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
  redirect(files_.string() + ".in", O_RDONLY, STDIN_FILENO);
  redirect(files_.string() + ".out", O_WRONLY | O_CREAT | O_APPEND, STDOUT_FILENO);
  redirect(files_.string() + ".err", O_WRONLY | O_CREAT | O_APPEND, STDERR_FILENO);
  int code = 0;
  try {
    child();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    code = 1;
  }
  std::fflush(nullptr);
  ::_exit(code);
}

std::chrono::milliseconds Actor::age() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
}

void Actor::stop(std::chrono::milliseconds time) {
  ::kill(pid_, SIGSTOP);
  stopped_until_ = Clock::now() + time;
}

void Actor::go_on(bool at_once) {
  if (!stopped_until_ || (!at_once && Clock::now() < *stopped_until_)) return;
  ::kill(pid_, SIGCONT);
  stopped_until_.reset();
}

void Actor::kill() {
  killed_ = true;
  ::kill(pid_, SIGKILL);
}

std::optional<Actor::End> Actor::poll() {
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
  pid_ = -1;
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : kSignalled + WTERMSIG(status);
  return End{code, killed_, read_file(files_.string() + ".out"),
             read_file(files_.string() + ".err")};
}

std::string Actor::describe() const {
  if (words_.empty()) return kind_ + " (library)";
  std::string text;
  for (const std::string& word : words_) text += (text.empty() ? "" : " ") + word;
  return text;
}

}  // namespace spoolq::test
