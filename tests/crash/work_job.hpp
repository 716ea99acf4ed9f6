// What the worker storm's jobs do, and what they write down of it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace spoolq::test {

/// A message's payload says what its job is to do.
enum class JobKind {
  succeed,
  fail_twice,   ///< Exits 3 in its first two attempts.
  fail_always,  ///< Exits 3.
  reject,       ///< Exits 65: failed/ at once.
  crash_once,   ///< Ends by SIGSEGV in its first attempt.
  children,     ///< Leaves children behind, one of them in a session of its own.
  slow,         ///< Takes a while, and ignores SIGTERM.
};
inline constexpr int kJobKinds = 7;
const char* to_string(JobKind kind);

/// What jobs wrote down about one message.
struct JobHistory {
  std::vector<unsigned> starts;  ///< The attempts that began.
  unsigned successes = 0;        ///< Of them so many came to their end with exit code 0.
  unsigned overlaps = 0;         ///< So many began while an earlier one, or a child of it, lived.
};

/// The folder in which jobs write down what they do.
class JobBook {
 public:
  explicit JobBook(std::string directory) : directory_{std::move(directory)} {}

  /// Makes the folder.
  void make() const;
  /// By the message's id.
  [[nodiscard]] std::map<std::string, JobHistory> read() const;
  /// Ids whose job, or a child of it, is still alive.
  [[nodiscard]] std::vector<std::string> survivors() const;

  /// The job itself, as a worker runs it: does what its standard input says. Gives the exit code.
  [[nodiscard]] int run_job() const;

 private:
  [[nodiscard]] std::string lock_path(const std::string& id) const;
  void note(const std::string& line) const;

  std::string directory_;
};

}  // namespace spoolq::test
