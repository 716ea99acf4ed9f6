// What a worker says on standard error, from several threads: events, its jobs' own words, a bar.
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>

#include "cli/output/work_event.hpp"

namespace spoolq::cli {

/// Standard error of a worker. All members may be called from several threads at once; each line is
/// written as a whole.
class WorkLog {
 public:
  struct Style {
    bool json = false;
    bool quiet = false;    ///< Warnings only.
    bool verbose = false;  ///< Also what is not needed every day.
    bool color = false;
  };
  explicit WorkLog(Style style) : style_{style} {}
  WorkLog(const WorkLog&) = delete;
  WorkLog& operator=(const WorkLog&) = delete;

  [[nodiscard]] bool json() const { return style_.json; }

  void tell(const WorkEvent& event);
  /// The same without waiting for a reader: what cannot be written now comes before the
  /// next line.
  void tell_soon(const WorkEvent& event);
  /// The event as it is written, with a newline at its end.
  [[nodiscard]] std::string line_of(const WorkEvent& event) const;
  /// A line that is about no message.
  void note(LogLevel level, std::string_view text);
  /// For what the library has to say: its notices only when verbose. This must outlive the queue.
  LogHandler handler();

  /// Passes on what a job wrote on its standard error, as it is, at most PIPE_BUF bytes. False:
  /// standard error takes nothing now, and nothing was written.
  bool pass_on(std::string_view bytes);
  /// The same, waiting as long as it takes.
  void pass_on_all(std::string_view bytes);

  /// The line that stays below all others, until the next one.
  void show_bar(std::string line);

  /// The worker must end: from now on no call waits for a reader for longer than a second.
  void hurry() { hurried_ = true; }
  /// hurry(), and removes the bar.
  void end();

 private:
  [[nodiscard]] bool is_wanted(const WorkEvent& event) const;
  static bool takes_something();
  // These are called with the mutex locked.

  void write_waiting();
  void write_line(std::string line);
  void write_bytes(std::string_view bytes);
  void hide_bar();

  Style style_;
  std::mutex mutex_;
  std::string bar_;
  bool bar_shown_ = false;
  std::atomic<bool> hurried_{false};
  std::mutex waiting_mutex_;
  std::string waiting_;      ///< Lines of tell_soon().
  bool line_begun_ = false;  ///< The last that was passed on did not end in a newline.
};

}  // namespace spoolq::cli
