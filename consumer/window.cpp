// The window of names to try.
#include "consumer/window.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace spoolq::detail {
namespace {
/// So many names can be put off at a time: a folder full of them stays bounded in memory.
constexpr std::size_t kPutOffMax = 65'536;
}  // namespace

void Window::clear() {
  entries_.clear();
  cursor_.clear();
  truncated_ = false;
}

void Window::offer(Candidate candidate) {
  if (put_off_.contains(candidate.file)) return;
  std::string key = candidate.stranger ? format_name(candidate.name) : candidate.file;
  if (entries_.size() >= capacity_) {
    truncated_ = true;
    const auto last = std::prev(entries_.end());
    if (last->first <= key) return;
    entries_.erase(last);
  }
  // A better priority is served before we go on where we were.
  if (!cursor_.empty() && key.front() < cursor_.front()) cursor_.clear();
  entries_.insert_or_assign(std::move(key), std::move(candidate));
}

std::optional<Candidate> Window::next() {
  if (entries_.empty()) return std::nullopt;
  auto entry = cursor_.empty() ? entries_.begin() : entries_.lower_bound(cursor_);
  if (entry == entries_.end()) {
    cursor_.clear();
    entry = entries_.begin();
  }
  Candidate candidate = std::move(entry->second);
  entries_.erase(entry);
  return candidate;
}

void Window::lost_race() {
  if (strict_ || entries_.empty()) return;
  const char priority = entries_.begin()->first.front();
  const auto end = entries_.lower_bound(std::string{static_cast<char>(priority + 1)});
  const auto count = std::distance(entries_.begin(), end);
  std::uniform_int_distribution<std::ptrdiff_t> place{0, count - 1};
  cursor_ = std::next(entries_.begin(), place(random_))->first;
}

void Window::put_off(const std::string& file, Clock::time_point until) {
  if (put_off_.size() < kPutOffMax) put_off_.insert_or_assign(file, until);
}

std::optional<Window::Clock::time_point> Window::next_retry() const {
  std::optional<Clock::time_point> earliest;
  for (const auto& [file, until] : put_off_) {
    earliest = std::min(earliest.value_or(until), until);
  }
  return earliest;
}

bool Window::readmit(Clock::time_point now) {
  return std::erase_if(put_off_, [now](const auto& entry) { return entry.second <= now; }) > 0;
}

}  // namespace spoolq::detail
