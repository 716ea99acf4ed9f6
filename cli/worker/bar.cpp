// The progress bar.
#include "cli/worker/bar.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

constexpr std::size_t kWidth = 20;
/// Counting a long queue takes at most this part of the time.
constexpr int kCountShare = 20;

}  // namespace

std::string Bar::line(const WorkCounts& counts, std::size_t columns) {
  const auto now = Clock::now();
  const std::uint64_t running = counts.running;
  const std::uint64_t done = counts.done;
  const std::uint64_t retried = counts.retried;
  const std::uint64_t failed = counts.failed;
  const std::uint64_t ended = done + retried + failed;
  count_ready(now, ended + running);
  // Since the last count some of them have begun.
  const std::uint64_t begun_since = std::max(ended + running, begun_at_count_) - begun_at_count_;
  const std::uint64_t all = ended + running + (ready_ > begun_since ? ready_ - begun_since : 0);
  const std::size_t filled = all == 0 ? kWidth : static_cast<std::size_t>(ended * kWidth / all);
  const double seconds = std::chrono::duration<double>(now - begun_).count();
  const double rate = seconds > 0 ? static_cast<double>(ended) / seconds : 0;

  std::string line = fmt::format("[{}{}] {}/{}", std::string(filled, '#'),
                                 std::string(kWidth - filled, '.'), ended, all);
  line += fmt::format(", {} running", running);
  if (retried > 0) line += fmt::format(", {} retried", retried);
  if (failed > 0) line += fmt::format(", {} failed", failed);
  line += fmt::format(", {:.1f}/s", rate);
  if (ended > 0 && all > ended) {
    const double left = static_cast<double>(all - ended) / rate;
    line += fmt::format(
        ", {} left",
        readable_duration(Duration{static_cast<std::int64_t>(std::min(left, 1e9) * 1000)}));
  }
  // The last column stays free: some terminals begin a new line behind it.
  return line.substr(0, columns > 0 ? columns - 1 : 0);
}

void Bar::count_ready(Clock::time_point now, std::uint64_t begun) {
  if (now < next_count_) return;
  try {
    ready_ = queue_.list(State::ready).size();
    begun_at_count_ = begun;
  } catch (const Error&) {
    ready_ = 0;  // The worker itself meets it too, and says so.
  }
  next_count_ =
      now + std::max<Clock::duration>(std::chrono::seconds{1}, (Clock::now() - now) * kCountShare);
}

std::size_t terminal_columns() {
  struct winsize size{};
  const bool known = ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : 80;
}

}  // namespace spoolq::cli
