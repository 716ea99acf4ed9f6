// A job's standard error.
#include "cli/worker/error_output.hpp"

#include <algorithm>
#include <climits>

namespace spoolq::cli {
namespace {

constexpr std::size_t kEndMax = 2048;
/// The shortest part of a line as JSON: with all that may stand beside it, it fits into PIPE_BUF.
constexpr std::size_t kPartMin = 128;

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
  while (!pending_.empty()) {
    const std::size_t end = pending_.find('\n');
    if (end == std::string::npos && pending_.size() <= kPartMax) return true;
    const bool is_whole = end <= kPartMax;
    std::size_t length = is_whole ? end : kPartMax;
    std::string line = line_of(length);
    // Escaped it may be longer than what can be passed on at once.
    while (line.size() > PIPE_BUF && length > kPartMin) line = line_of(length /= 2);
    if (!log_.pass_on(line)) return false;
    pending_.erase(0, length + (is_whole && length == end ? 1 : 0));
  }
  return true;
}

void ErrorOutput::finish() {
  if (!log_.json()) {
    log_.pass_on_all(pending_);
    pending_.clear();
  }
  while (!pending_.empty()) {
    const std::size_t end = std::min(pending_.find('\n'), pending_.size());
    log_.pass_on_all(line_of(end));
    pending_.erase(0, end + 1);
  }
}

/// As JSON: a line of the first bytes.
std::string ErrorOutput::line_of(std::size_t length) const {
  return log_.line_of(
      {.event = "stderr", .message = &message_, .text = pending_.substr(0, length)});
}

}  // namespace spoolq::cli
