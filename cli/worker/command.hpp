// The command of a worker, and what it is for one message: arguments, environment, program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "spoolq/message.hpp"

namespace spoolq::cli {

/// What a job is told of its message.
struct JobMessage {
  const MessageInfo& info;
  const Headers& headers;
  std::string_view file;   ///< The payload's file, absolute.
  std::string_view queue;  ///< The queue's path.
  unsigned attempts_max = 0;
};

/// A command line that is ready for execve(2): nothing is left to be allocated behind a fork.
class PreparedCommand {
 public:
  PreparedCommand(std::vector<std::string> words, std::vector<std::string> environment);
  PreparedCommand(PreparedCommand&&) noexcept = default;
  PreparedCommand& operator=(PreparedCommand&&) noexcept = default;
  PreparedCommand(const PreparedCommand&) = delete;
  PreparedCommand& operator=(const PreparedCommand&) = delete;
  ~PreparedCommand() = default;

  /// Where the program may be, in this order; NULL ends the list.
  [[nodiscard]] const char* const* paths() const { return path_pointers_.data(); }
  [[nodiscard]] char* const* arguments() const { return argument_pointers_.data(); }
  [[nodiscard]] char* const* environment() const { return environment_pointers_.data(); }
  [[nodiscard]] const std::vector<std::string>& words() const { return words_; }

 private:
  std::vector<std::string> words_;
  std::vector<std::string> environment_;
  std::vector<std::string> paths_;
  std::vector<char*> argument_pointers_;
  std::vector<char*> environment_pointers_;
  std::vector<const char*> path_pointers_;
};

/// CMD ARGS as given to `work`. Words stay words: nothing is split, quoted or interpreted, whatever
/// a message is called. Any thread.
class WorkCommand {
 public:
  /// `words` is not empty. The environment of the jobs is that of this moment, without what is
  /// meant for the worker alone.
  explicit WorkCommand(std::vector<std::string> words);

  /// Throws Failure (126, 127) when no message could make this a program that can be started.
  void check() const;
  [[nodiscard]] PreparedCommand prepare(const JobMessage& message) const;

 private:
  std::vector<std::string> words_;
  std::vector<std::string> environment_;
};

/// Why a program cannot be started, and what to do; `error` is the errno of the exec.
std::string start_failure(std::string_view program, int error);

}  // namespace spoolq::cli
