// Due and expired messages.
#include "queue/maintenance/due.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "queue/lifecycle/transitions.hpp"
#include "queue/maintenance/attempt.hpp"
#include "queue/os/directory_scan.hpp"

namespace spoolq::detail {

DueResult move_due(OpenQueue& queue) {
  DueResult result;
  const Time now = queue.now();
  std::vector<StoredMessage> due;
  scan_directory(queue.sys(), queue.fd(Folder::later), queue.path(Folder::later),
                 [&](const DirectoryEntry& entry) {
                   auto delayed = parse_delayed_name(entry.name);
                   if (!delayed) return true;
                   if (delayed->due <= now) {
                     due.push_back({Folder::later, std::string{entry.name}, delayed->name});
                   } else {
                     result.next = std::min(result.next.value_or(delayed->due), delayed->due);
                   }
                   return true;
                 });
  std::sort(due.begin(), due.end(), [](const auto& a, const auto& b) { return a.file < b.file; });
  for (const StoredMessage& message : due) {
    attempt(queue, message.file, [&] {
      if (make_due(queue, message)) ++result.moved;
    });
  }
  return result;
}

std::uint64_t expire_ready(OpenQueue& queue) {
  const Time now = queue.now();
  std::vector<StoredMessage> expired;
  scan_directory(queue.sys(), queue.fd(Folder::ready), queue.path(Folder::ready),
                 [&](const DirectoryEntry& entry) {
                   auto name = parse_name(entry.name);
                   if (!name || !name->expires || *name->expires > now) return true;
                   expired.push_back({Folder::ready, std::string{entry.name}, std::move(*name)});
                   return true;
                 });
  std::uint64_t moved = 0;
  for (const StoredMessage& message : expired) {
    attempt(queue, message.file, [&] {
      if (expire(queue, message)) ++moved;
    });
  }
  return moved;
}

}  // namespace spoolq::detail
