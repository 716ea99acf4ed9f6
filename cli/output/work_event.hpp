// What a worker has to tell: a start or an end of a job, a line of its standard error, a notice.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "spoolq/message.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

struct WorkEvent {
  LogLevel level = LogLevel::notice;
  /// start, done, moved, retry, failed, returned, lost, stderr, stop or note.
  std::string_view event = "note";
  const MessageInfo* message = nullptr;  ///< Empty where it is about no message.
  std::optional<Duration> runtime{};
  std::optional<int> exit_code{};
  std::optional<int> signal{};
  std::optional<Time> due{};
  std::string text{};
};

}  // namespace spoolq::cli
