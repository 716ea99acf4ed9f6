// Running the spoolq program as a user would: arguments and input in, exit code and output out.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "tests/support/paths.hpp"

namespace spoolq::test {

/// A folder under the system's temporary one, removed at the end.
class Scratch {
 public:
  Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The path of something in it, as text.
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

/// How the program is started. The variables that it reads are unset unless given here.
struct Invocation {
  std::vector<std::string> arguments;
  std::string input{};
  std::map<std::string, std::string> environment{};
  std::filesystem::path directory{};  ///< Working directory; empty: the test's own.
  std::string output_file{};          ///< Standard output goes there instead of to the test.
  bool input_closed = false;
  bool output_closed = false;
  bool error_closed = false;
  bool reader_gone = false;  ///< Standard output is a pipe that nobody reads.
  bool nonblocking = false;  ///< Standard input and output are pipes with O_NONBLOCK.
  /// Standard output and standard error are one terminal, and come back together as `out`.
  bool on_terminal = false;
  std::string program{};  ///< Another program, by its path, instead of spoolq.
  std::chrono::seconds time_max{60};
};

struct Outcome {
  int exit = -1;  ///< 128 plus the number when a signal killed it; -1: it took too long.
  std::string out;
  std::string err;
};

/// The program, running. Killed when destroyed.
class Running {
 public:
  explicit Running(const Invocation& invocation);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  void signal(int number) const;
  /// Whether it watches a folder with inotify(7).
  [[nodiscard]] bool watches() const;
  /// Whether it watches, has nothing to do and waits.
  [[nodiscard]] bool sleeps() const;
  /// Writes to its standard input.
  void write(const std::string& bytes) const;
  void close_input();
  /// Reads its standard output up to and with the next newline.
  std::string read_line();
  /// Writes `input`, closes standard input, reads the rest of the output and waits for the end, as
  /// long as the invocation allows.
  Outcome wait(const std::string& input = {});

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
  int error_ = -1;
  std::chrono::seconds time_max_;
};

/// Runs the program to its end.
Outcome run(const Invocation& invocation);
Outcome run(const std::vector<std::string>& arguments, const std::string& input = {});
/// The same, and what it printed on standard output without the last newline. Requires that it
/// ends with exit code 0.
std::string run_well(const std::vector<std::string>& arguments, const std::string& input = {});

/// Whether `condition` becomes true within ten seconds.
bool eventually(const std::function<bool()>& condition);

/// A file's content, and making one.
std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& content);
/// The names in a folder, sorted, without the hidden ones.
std::vector<std::string> names_in(const std::filesystem::path& folder);
/// The lines of a text.
std::vector<std::string> lines_of(const std::string& text);
/// Whether `text` has `part` in it.
bool has(const std::string& text, const std::string& part);

}  // namespace spoolq::test
