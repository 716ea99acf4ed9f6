// Keeping the names of a folder.
#include "producer/adopt/known_files.hpp"

#include <algorithm>
#include <utility>

#include "queue/os/directory_scan.hpp"

namespace spoolq::detail {

void KnownFiles::scan(Sys& sys, int directory, const std::string& path) {
  for (auto& [name, known] : *this) known.seen = false;
  scan_directory(sys, directory, path, [&](const auto& entry) {
    (*this)[std::string{entry.name}].seen = true;
    return true;
  });
  std::erase_if(*this, [](const auto& file) { return !file.second.seen; });
}

void KnownFiles::note(const std::vector<InboxEvent>& events, const Completeness& completeness) {
  using Kind = InboxEvent::Kind;
  for (const auto& event : events) {
    const std::string marked = completeness.marked_by(event.file);
    KnownFile& known = (*this)[marked.empty() ? event.file : marked];
    known.next_look = {};
    if (!marked.empty()) continue;
    if (event.kind == Kind::closed) {
      known.observation.closed = true;
    } else {
      // It is another file than the one that had this name before.
      known.observation = {};
      known.observation.renamed =
          event.kind == Kind::renamed && !std::exchange(known.put_back, false);
      known.observation.created = event.kind == Kind::created;
    }
  }
}

Duration KnownFiles::time_to_next_look(Duration limit) const {
  Clock::time_point next = Clock::now() + limit;
  for (const auto& [name, known] : *this) next = std::min(next, known.next_look);
  return std::max(std::chrono::ceil<Duration>(next - Clock::now()), Duration{0});
}

bool KnownFiles::settles_before(Clock::time_point limit) const {
  return std::any_of(begin(), end(), [limit](const auto& file) {
    const KnownFile& known = file.second;
    const bool waits = known.assessment.verdict == Verdict::wait;
    return waits && known.assessment.settles_in && known.next_look < limit;
  });
}

}  // namespace spoolq::detail
