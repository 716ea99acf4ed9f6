// Options, signals, exit codes.
#include "tests/crash/program.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <ctime>
#include <random>

namespace spoolq::test {
namespace {

volatile std::sig_atomic_t interrupted = 0;

void catch_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(number, &action, nullptr);
}

}  // namespace

Options::Options(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument{argv[i]};
    if (!argument.starts_with("--")) throw Usage{"not an option: " + argument};
    const std::size_t equals = argument.find('=');
    given_[argument.substr(0, equals)] =
        equals == std::string::npos ? std::string{} : argument.substr(equals + 1);
  }
}

bool Options::flag(const std::string& name) {
  known_.insert(name);
  const auto found = given_.find(name);
  if (found == given_.end()) return false;
  if (!found->second.empty()) throw Usage{name + " takes no value"};
  return true;
}

std::string Options::text(const std::string& name, const std::string& otherwise) {
  known_.insert(name);
  const auto found = given_.find(name);
  if (found == given_.end()) return otherwise;
  if (found->second.empty()) throw Usage{name + " needs a value: " + name + "=VALUE"};
  return found->second;
}

std::uint64_t Options::number(const std::string& name, std::uint64_t otherwise) {
  const std::string value = text(name, std::to_string(otherwise));
  std::size_t end = 0;
  try {
    const std::uint64_t number = std::stoull(value, &end);
    if (end == value.size()) return number;
  } catch (const std::logic_error&) {
  }
  throw Usage{name + ": not a number: " + value};
}

void Options::finish() const {
  for (const auto& [name, value] : given_) {
    if (!known_.contains(name)) throw Usage{"unknown option: " + name};
  }
}

int run_program(int argc, char** argv, const char* help, const std::function<int(Options&)>& body) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help") == 0) {
      fmt::print("{}", help);
      return kHeld;
    }
  }
  catch_signals();
  try {
    Options options{argc, argv};
    if (::access("/proc/self/stat", F_OK) != 0) throw CannotRun{"/proc (mount -t proc proc /proc)"};
    return body(options);
  } catch (const Usage& error) {
    fmt::print(stderr, "{}\nTry {} --help.\n", error.what(), argv[0]);
    return kUsage;
  } catch (const CannotRun& error) {
    fmt::print(stderr, "cannot run here: needs {}\n", error.what());
    return kCannotRun;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return kBroken;
  }
}

void check_interrupted() {
  if (interrupted != 0) throw Interrupted{};
}

void let_run(double milliseconds) {
  const auto nanoseconds = static_cast<std::int64_t>(milliseconds * 1e6);
  struct timespec rest = {nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
  do {
    check_interrupted();
  } while (::nanosleep(&rest, &rest) != 0 && errno == EINTR);
}

bool wait_until(std::uint64_t limit_ms, const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{limit_ms};
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    let_run(1);
  }
  return true;
}

std::uint64_t random_seed() { return std::random_device{}(); }

}  // namespace spoolq::test
