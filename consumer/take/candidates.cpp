// The window of names to try.
#include "consumer/take/candidates.hpp"

#include <algorithm>
#include <iterator>

namespace spoolq::detail {

void Candidates::clear() {
  entries_.clear();
  cursor_.clear();
  truncated_ = false;
}

void Candidates::offer(Candidate candidate) {
  if (deferred_.contains(candidate.file)) return;
  std::string key = candidate.stranger ? format_name(candidate.name) : candidate.file;
  if (key <= passed_) return;
  // Names that had no room come before this one, even where there is room again.
  if (truncated_ && key >= dropped_) return;
  if (entries_.size() >= capacity_ && !entries_.contains(key)) {
    truncated_ = true;
    const auto last = std::prev(entries_.end());
    if (last->first < key) {
      dropped_ = std::move(key);
      return;
    }
    dropped_ = last->first;
    entries_.erase(last);
  }
  // A better priority is served before we go on where we were.
  if (!cursor_.empty() && key.front() < cursor_.front()) cursor_.clear();
  entries_.insert_or_assign(std::move(key), std::move(candidate));
}

std::optional<Candidate> Candidates::next() {
  if (entries_.empty()) return std::nullopt;
  auto entry = cursor_.empty() ? entries_.begin() : entries_.lower_bound(cursor_);
  // After the last of the best priority come its first, not those of the next one.
  if (entry == entries_.end() || entry->first.front() != entries_.begin()->first.front()) {
    cursor_.clear();
    entry = entries_.begin();
  }
  last_ = entry->first;
  Candidate candidate = std::move(entry->second);
  entries_.erase(entry);
  return candidate;
}

void Candidates::lost_race() {
  if (strict_ || entries_.empty()) return;
  const char priority = entries_.begin()->first.front();
  const auto end = entries_.lower_bound(std::string{static_cast<char>(priority + 1)});
  const auto count = std::distance(entries_.begin(), end);
  std::uniform_int_distribution<std::ptrdiff_t> place{0, count - 1};
  cursor_ = std::next(entries_.begin(), place(random_))->first;
}

void Candidates::defer(const std::string& file, Clock::time_point until) {
  if (deferred_.size() < deferred_max_) {
    deferred_.insert_or_assign(file, until);
  } else {
    passed_ = std::max(passed_, last_);
    passed_until_ = until;
  }
}

std::set<std::string> Candidates::arrived() const {
  std::set<std::string> names;
  for (const auto& [key, candidate] : entries_) {
    if (candidate.stranger && !candidate.unsettled) names.insert(key);
  }
  return names;
}

std::optional<Candidates::Clock::time_point> Candidates::next_retry() const {
  std::optional<Clock::time_point> earliest;
  if (!passed_.empty()) earliest = passed_until_;
  for (const auto& [file, until] : deferred_) {
    earliest = std::min(earliest.value_or(until), until);
  }
  return earliest;
}

bool Candidates::retry_deferred(Clock::time_point now) {
  bool any = std::erase_if(deferred_, [now](const auto& entry) { return entry.second <= now; }) > 0;
  if (!passed_.empty() && passed_until_ <= now) {
    passed_.clear();
    any = true;
  }
  return any;
}

}  // namespace spoolq::detail
