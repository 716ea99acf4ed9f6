// What a worker says on standard error.
#include "cli/worker/log.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "cli/output/json.hpp"
#include "cli/output/message_text.hpp"
#include "cli/output/print.hpp"
#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

/// In milliseconds: how long one wait for standard error takes, and how many there are once the
/// worker is to end.
constexpr int kWriteWait = 100;
constexpr int kHurriedWaitsMax = 10;

std::string_view color_of(const WorkEvent& event) {
  if (event.level == LogLevel::warning) return "\x1b[31m";
  if (event.event == "retry") return "\x1b[33m";
  if (event.event == "done") return "\x1b[32m";
  return "";
}

/// "2026-11-23T03:16:21.402Z done 97d0a11c cat.jpg, attempt 1, 0.123s: TEXT; due TIME"
std::string text_line(const WorkEvent& event, bool color) {
  const std::string_view code = color ? color_of(event) : "";
  std::string line = fmt::format("{} {}{}{}", format_time(now()), code, event.event,
                                 code.empty() ? "" : "\x1b[0m");
  if (const MessageInfo* message = event.message) {
    line += fmt::format(" {}", short_id(message->id));
    if (!message->name.empty()) line += fmt::format(" {}", escape(message->name));
    line += fmt::format(", attempt {}", message->attempts);
  }
  if (event.runtime) line += fmt::format(", {:.3f}s", to_seconds(*event.runtime));
  if (!event.text.empty()) line += fmt::format(": {}", escape(event.text));
  if (event.due) line += fmt::format("; due {}", format_time(*event.due));
  return line + "\n";
}

}  // namespace

bool WorkLog::is_wanted(const WorkEvent& event) const {
  if (event.event == "start") return style_.verbose;
  return !style_.quiet || event.level == LogLevel::warning || event.event == "stderr";
}

std::string WorkLog::line_of(const WorkEvent& event) const {
  return style_.json ? work_event_document(event, now()) : text_line(event, style_.color);
}

void WorkLog::tell(const WorkEvent& event) {
  if (!is_wanted(event)) return;
  const std::lock_guard lock{mutex_};
  write_waiting();
  write_line(line_of(event));
}

void WorkLog::tell_soon(const WorkEvent& event) {
  if (!is_wanted(event)) return;
  {
    const std::lock_guard lock{waiting_mutex_};
    waiting_ += line_of(event);
  }
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (lock && takes_something()) write_waiting();
}

void WorkLog::end() {
  hurried_ = true;
  const std::lock_guard lock{mutex_};
  hide_bar();
  bar_.clear();
  write_waiting();
}

void WorkLog::note(LogLevel level, std::string_view text) {
  tell({.level = level,
        .event = level == LogLevel::warning ? "warning" : "note",
        .text = std::string{text}});
}

LogHandler WorkLog::handler() {
  return [this](LogLevel level, std::string_view text) {
    if (level == LogLevel::warning || style_.verbose) note(level, text);
  };
}

/// Writes what tell_soon() has left.
void WorkLog::write_waiting() {
  std::string lines;
  {
    const std::lock_guard lock{waiting_mutex_};
    lines.swap(waiting_);
  }
  if (!lines.empty()) write_line(std::move(lines));
}

/// Whether there is room for PIPE_BUF bytes.
bool WorkLog::takes_something() {
  struct pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
  return ::poll(&writable, 1, 0) != 0;
}

void WorkLog::write_line(std::string line) {
  hide_bar();
  if (std::exchange(line_begun_, false)) line.insert(0, "\n");
  write_bytes(line);
  if (!bar_.empty()) {
    write_bytes(bar_);
    bar_shown_ = true;
  }
}

bool WorkLog::pass_on(std::string_view bytes) {
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (!lock) return false;
  // No thread of the worker writes more than PIPE_BUF bytes at once.
  if (!takes_something()) return false;
  hide_bar();
  write_bytes(bytes);
  if (!bytes.empty()) line_begun_ = bytes.back() != '\n';
  return true;
}

void WorkLog::pass_on_all(std::string_view bytes) {
  if (bytes.empty()) return;
  const std::lock_guard lock{mutex_};
  hide_bar();
  write_bytes(bytes);
  line_begun_ = bytes.back() != '\n';
}

void WorkLog::show_bar(std::string line) {
  const std::unique_lock lock{mutex_, std::try_to_lock};
  if (!lock || !takes_something()) return;  // The next one comes soon.
  write_waiting();
  if (line_begun_ && !line.empty()) return;  // It would stand in the middle of a job's line.
  hide_bar();
  bar_ = std::move(line);
  if (bar_.empty()) return;
  write_bytes(bar_);
  bar_shown_ = true;
}

void WorkLog::hide_bar() {
  if (std::exchange(bar_shown_, false)) write_bytes("\r\x1b[K");
}

/// Waits for the reader of standard error, but not for ever once the worker is to end. Nothing can
/// be done when it fails.
void WorkLog::write_bytes(std::string_view bytes) {
  for (int waits = 0; !bytes.empty();) {
    struct pollfd writable = {.fd = STDERR_FILENO, .events = POLLOUT, .revents = 0};
    if (::poll(&writable, 1, kWriteWait) == 0) {
      if (hurried_ && ++waits >= kHurriedWaitsMax) return;
      continue;
    }
    // For so much there is room now, so the call does not block.
    const ssize_t count =
        ::write(STDERR_FILENO, bytes.data(), std::min<std::size_t>(bytes.size(), PIPE_BUF));
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
    } else if (count < 0 && errno != EAGAIN && errno != EINTR) {
      return;
    }
  }
}

}  // namespace spoolq::cli
