// Finding second names.
#include "queue/store/second_names.hpp"

#include <dirent.h>

#include <algorithm>
#include <array>
#include <utility>

#include "queue/os/directory_scan.hpp"
#include "queue/store/open_queue.hpp"

namespace spoolq::detail {
namespace {

constexpr Duration kLookInterval{1000};
/// In this order no rename of a transition hides a name from the look.
constexpr std::array kOthers{Folder::claimed, Folder::later, Folder::failed};

void scan_files(OpenQueue& queue, Folder folder,
                const std::function<void(const DirectoryEntry&)>& visit) {
  if (!queue.folders().has(folder)) return;
  scan_directory(queue.sys(), queue.fd(folder), queue.path(folder),
                 [&](const DirectoryEntry& entry) {
                   if (entry.may_be_regular()) visit(entry);
                   return true;
                 });
}

void collect_inodes(OpenQueue& queue, Folder folder, std::vector<ino_t>& inodes) {
  scan_files(queue, folder, [&](const DirectoryEntry& entry) { inodes.push_back(entry.inode); });
}

}  // namespace

std::vector<Location> SecondNames::names_of(OpenQueue& queue, ino_t inode, Look look) {
  const std::lock_guard lock{mutex_};
  const Duration now = queue.since_boot();
  if (look == Look::fresh || !scanned_ || now - *scanned_ >= kLookInterval) {
    scan(queue);
    scanned_ = now;
  }
  const auto found = names_.find(inode);
  return found == names_.end() ? std::vector<Location>{} : found->second;
}

void SecondNames::scan(OpenQueue& queue) {
  std::unordered_map<ino_t, std::vector<Location>> found_names;
  std::vector<ino_t> others;
  std::vector<ino_t> before;
  collect_inodes(queue, Folder::ready, before);
  for (const Folder folder : kOthers) collect_inodes(queue, folder, others);
  // Once more, for a name that comes back to new/ during the look at the others.
  std::vector<ino_t> after;
  collect_inodes(queue, Folder::ready, after);
  for (std::vector<ino_t>* ready : {&before, &after}) {
    ready->insert(ready->end(), others.begin(), others.end());
    std::sort(ready->begin(), ready->end());
    for (std::size_t i = 1; i < ready->size(); ++i) {
      if ((*ready)[i] == (*ready)[i - 1]) found_names.try_emplace((*ready)[i]);
    }
  }
  const auto collect_names = [&](Folder folder) {
    scan_files(queue, folder, [&](const DirectoryEntry& entry) {
      const auto found = found_names.find(entry.inode);
      if (found == found_names.end()) return;
      auto& names = found->second;
      const bool known = std::any_of(names.begin(), names.end(), [&](const Location& each) {
        return each.folder() == folder && each.file() == entry.name;
      });
      if (!known) names.emplace_back(folder, std::string{entry.name});
    });
  };
  if (!found_names.empty()) {
    collect_names(Folder::ready);
    for (const Folder folder : kOthers) collect_names(folder);
    collect_names(Folder::ready);
  }
  names_ = std::move(found_names);
}

}  // namespace spoolq::detail
