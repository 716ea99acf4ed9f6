// A job's standard error.
#include "cli/worker/error_output.hpp"

namespace spoolq::cli {
namespace {

constexpr std::size_t kEndMax = 2048;

}  // namespace

bool ErrorOutput::take(std::string_view bytes) {
  end_ += bytes;
  if (end_.size() > kEndMax) end_.erase(0, end_.size() - kEndMax);
  pending_ += bytes;
  return flush();
}

bool ErrorOutput::flush() {
  if (!log_.json()) {
    if (!pending_.empty() && !log_.pass_on(pending_)) return false;
    pending_.clear();
    return true;
  }
  std::size_t start = 0;
  for (std::size_t end = 0; (end = pending_.find('\n', start)) != std::string::npos;
       start = end + 1) {
    tell_line(std::string_view{pending_}.substr(start, end - start));
  }
  pending_.erase(0, start);
  if (pending_.size() > kPartMax) {
    tell_line(pending_);
    pending_.clear();
  }
  return true;
}

void ErrorOutput::finish() {
  if (!log_.json()) {
    log_.pass_on_all(pending_);
  } else if (!pending_.empty()) {
    tell_line(pending_);
  }
  pending_.clear();
}

void ErrorOutput::tell_line(std::string_view line) {
  log_.tell({.event = "stderr", .message = &message_, .text = std::string{line}});
}

}  // namespace spoolq::cli
