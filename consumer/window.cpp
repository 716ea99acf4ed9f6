// The window of names to try.
#include "consumer/window.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace spoolq::detail {
namespace {
/// Names that were put off are forgotten beyond this, so that a folder full of them stays bounded
/// in memory.
constexpr std::size_t kPutOffMax = 65'536;
}  // namespace

void Window::clear() {
  entries_.clear();
  cursor_.clear();
  truncated_ = false;
}

void Window::offer(Candidate candidate) {
  const auto waiting = put_off_.find(candidate.file);
  if (waiting != put_off_.end() && waiting->second.waiting) return;
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

bool Window::put_off(const std::string& file, Clock::time_point until) {
  if (put_off_.size() >= kPutOffMax) {
    std::erase_if(put_off_, [](const auto& entry) { return !entry.second.waiting; });
  }
  const auto [entry, first] = put_off_.try_emplace(file, PutOff{until, true});
  entry->second = {until, true};
  return first;
}

std::optional<Window::Clock::time_point> Window::next_retry() const {
  std::optional<Clock::time_point> earliest;
  for (const auto& [file, entry] : put_off_) {
    if (entry.waiting) earliest = std::min(earliest.value_or(entry.until), entry.until);
  }
  return earliest;
}

bool Window::readmit(Clock::time_point now) {
  bool any = false;
  for (auto& [file, entry] : put_off_) {
    if (!entry.waiting || entry.until > now) continue;
    entry.waiting = false;
    any = true;
  }
  return any;
}

}  // namespace spoolq::detail
