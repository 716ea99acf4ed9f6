// What the crash test programs share: options, exit codes, interruption.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

namespace spoolq::test {

constexpr int kHeld = 0;    ///< All promises were kept.
constexpr int kBroken = 1;  ///< One was not, or the test could not go on.
constexpr int kUsage = 2;
constexpr int kCannotRun = 77;

/// Something that the test needs is not here; the text names it.
struct CannotRun : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// SIGINT or SIGTERM came.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error{"interrupted"} {}
};
struct Usage : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Options of the form --name, --name=value. An option that nobody asked for is a usage error.
class Options {
 public:
  Options(int argc, char** argv);

  bool flag(const std::string& name);
  std::string text(const std::string& name, const std::string& otherwise);
  std::uint64_t number(const std::string& name, std::uint64_t otherwise);
  /// Requires that all that was given has been asked for.
  void finish() const;

 private:
  std::map<std::string, std::string> given_;
  std::set<std::string> known_;
};

/// Runs `body`, answers --help with `help`, and turns what is thrown into an exit code.
int run_program(int argc, char** argv, const char* help, const std::function<int(Options&)>& body);

/// Throws Interrupted when a signal has come since the start.
void check_interrupted();
/// Lets `milliseconds` go by, or throws Interrupted.
void let_run(double milliseconds);
/// Asks `condition` again and again until it holds. False when that takes longer than the limit.
bool wait_until(std::uint64_t limit_ms, const std::function<bool()>& condition);

/// A seed that is different each time.
std::uint64_t random_seed();
/// A number from `low` to `high`.
template <typename Random>
std::uint64_t pick(Random& random, std::uint64_t low, std::uint64_t high) {
  return low + random() % (high - low + 1);
}

}  // namespace spoolq::test
