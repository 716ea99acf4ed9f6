// The jobs of the worker storm.
#include "tests/crash/work_job.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace spoolq::test {
namespace {

constexpr std::array<const char*, kJobKinds> kNames{
    "succeed", "fail_twice", "fail_always", "reject", "crash_once", "children", "slow"};
constexpr int kFailed = 3;
constexpr int kRejected = 65;
/// Longer than a storm: whoever is there so long was left behind.
constexpr unsigned kForEver = 1000;

std::string standard_input() {
  std::string text;
  std::array<char, 256> buffer;
  for (ssize_t size = 0; (size = ::read(STDIN_FILENO, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

const char* variable(const char* name) {
  const char* const value = ::getenv(name);
  if (value == nullptr) throw std::runtime_error{fmt::format("no {}", name)};
  return value;
}

JobKind kind_of(const std::string& payload) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (payload == kNames[i]) return static_cast<JobKind>(i);
  }
  throw std::runtime_error{"not a job: " + payload};
}

/// Children that live on, with the lock that they inherit.
void leave_children() {
  if (::fork() == 0) {
    if (::fork() == 0) ::setsid();
    ::signal(SIGTERM, SIG_IGN);
    ::sleep(kForEver);
    ::_exit(0);
  }
  ::usleep(5000);
}

/// Does it and gives the exit code.
int carry_out(JobKind kind, unsigned attempt) {
  switch (kind) {
    case JobKind::succeed:
      return 0;
    case JobKind::fail_twice:
      return attempt <= 2 ? kFailed : 0;
    case JobKind::fail_always:
      (void)::write(STDERR_FILENO, "never\n", 6);
      return kFailed;
    case JobKind::reject:
      return kRejected;
    case JobKind::crash_once:
      if (attempt == 1) {
        ::signal(SIGSEGV, SIG_DFL);
        ::raise(SIGSEGV);
      }
      return 0;
    case JobKind::children:
      leave_children();
      return 0;
    case JobKind::slow:
      ::signal(SIGTERM, SIG_IGN);
      ::usleep(60'000);
      return 0;
  }
  return kFailed;
}

}  // namespace

const char* to_string(JobKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

void JobBook::make() const { std::filesystem::create_directories(directory_ + "/running"); }

std::string JobBook::lock_path(const std::string& id) const {
  return fmt::format("{}/running/{}", directory_, id);
}

void JobBook::note(const std::string& line) const {
  const std::string path = directory_ + "/book";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  // One write each: lines of jobs that run at the same time stay whole.
  if (fd < 0 || ::write(fd, line.data(), line.size()) < 0) throw std::runtime_error{"no book"};
  ::close(fd);
}

int JobBook::run_job() const {
  const std::string id = variable("SPOOLQ_ID");
  const std::string attempt = variable("SPOOLQ_ATTEMPT");
  // Inherited by the children: the lock is free when the last of them has ended.
  const int lock = ::open(lock_path(id).c_str(), O_RDWR | O_CREAT, 0600);
  if (::flock(lock, LOCK_EX | LOCK_NB) != 0) note(fmt::format("overlap {} {}\n", id, attempt));
  note(fmt::format("start {} {}\n", id, attempt));
  const int code = carry_out(kind_of(standard_input()),
                             static_cast<unsigned>(std::strtoul(attempt.c_str(), nullptr, 10)));
  if (code == 0) note(fmt::format("success {} {}\n", id, attempt));
  return code;
}

std::map<std::string, JobHistory> JobBook::read() const {
  std::map<std::string, JobHistory> histories;
  std::ifstream book{directory_ + "/book"};
  std::string what;
  std::string id;
  unsigned attempt = 0;
  while (book >> what >> id >> attempt) {
    JobHistory& history = histories[id];
    if (what == "start") history.starts.push_back(attempt);
    if (what == "success") ++history.successes;
    if (what == "overlap") ++history.overlaps;
  }
  return histories;
}

std::vector<std::string> JobBook::survivors() const {
  std::vector<std::string> ids;
  for (const auto& entry : std::filesystem::directory_iterator{directory_ + "/running"}) {
    const int fd = ::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (::flock(fd, LOCK_EX | LOCK_NB) != 0) ids.push_back(entry.path().filename());
    ::close(fd);
  }
  return ids;
}

}  // namespace spoolq::test
