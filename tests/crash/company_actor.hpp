// One process of the company: a program or a function, which can be stopped and killed.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace spoolq::test {

/// Killed when destroyed, and when this process dies. Requires that this process has one thread.
class Actor {
 public:
  using Clock = std::chrono::steady_clock;

  /// How it came to its end.
  struct End {
    int code = 0;         ///< The exit code, or 128 and the signal.
    bool killed = false;  ///< SIGKILL was sent to it, perhaps too late.
    std::string output;
    std::string error;
  };

  /// Runs `words`, a program with its arguments, with `input` on standard input. `scratch` is where
  /// it keeps input and output.
  Actor(const std::filesystem::path& scratch, std::string kind, std::vector<std::string> words,
        const std::string& input);
  /// Runs `body`, which may print; what it throws makes it end with 1.
  Actor(const std::filesystem::path& scratch, std::string kind, const std::function<void()>& body);
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;
  ~Actor();

  [[nodiscard]] const std::string& kind() const { return kind_; }
  [[nodiscard]] bool is_stopped() const { return stopped_until_.has_value(); }
  [[nodiscard]] std::chrono::milliseconds age() const;

  void stop(std::chrono::milliseconds time);
  /// Lets it go on if its time is over, or `at_once`.
  void go_on(bool at_once);
  void kill();
  /// Nothing while it lives.
  std::optional<End> poll();
  /// The command, for people.
  [[nodiscard]] std::string describe() const;

 private:
  void spawn(const std::function<void()>& child, const std::string& input);

  const std::string kind_;
  const std::filesystem::path files_;  ///< Followed by .in, .out and .err.
  std::vector<std::string> words_;
  const Clock::time_point started_ = Clock::now();
  pid_t pid_ = -1;
  bool killed_ = false;
  std::optional<Clock::time_point> stopped_until_;
};

}  // namespace spoolq::test
