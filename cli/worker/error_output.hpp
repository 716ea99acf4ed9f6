// A job's standard error: passed on as it comes, and its end kept for the failure's reason.
#pragma once

#include <string>
#include <string_view>

#include "cli/worker/log.hpp"
#include "spoolq/message.hpp"

namespace spoolq::cli {

/// One job's standard error. One thread at a time.
class ErrorOutput {
 public:
  ErrorOutput(WorkLog& log, const MessageInfo& message) : log_{log}, message_{message} {}

  /// Takes what was read, at most kPartMax bytes. False: it has not been passed on, because
  /// standard error takes nothing at present; call flush() until it is true before the next take().
  bool take(std::string_view bytes);
  bool flush();
  /// For the end of the job: passes on what is left, however long that takes.
  void finish();

  /// The last bytes of all, at most 2,048.
  [[nodiscard]] const std::string& end() const { return end_; }

  static constexpr std::size_t kPartMax = 4096;

 private:
  [[nodiscard]] std::string line_of(std::size_t length) const;

  WorkLog& log_;
  const MessageInfo& message_;
  std::string pending_;  ///< Not passed on yet; as JSON: a line that has not ended.
  std::string end_;
};

}  // namespace spoolq::cli
