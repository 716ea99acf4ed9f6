// Seizing markers, looking at their files again, and removing them.
#include "producer/adopt/marker_removal.hpp"

#include <cerrno>
#include <set>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {
namespace {

using Outcome = Transferred::Outcome;

/// True when something was removed. A marker that is there when its file is another one by now
/// belongs to that one.
bool remove(TransferFolder& folder, TransferItem& item, SeizedSource& marker) {
  const int directory = folder.directory_of(item.arrival);
  const std::string file = marker.original.substr(item.arrival.below.size());
  SysResult result = folder.sources().seize(marker, directory, file);
  if (result.error() == EXDEV) result = folder.sources().seize(marker, directory, file);
  if (result.error() == ENOENT) return false;
  if (result.ok() && !folder.is_as_found(item.arrival)) {
    folder.sources().put_back(marker, directory, file);
    item.stays = true;
    return false;
  }
  if (result.ok()) result = folder.sources().remove(marker);
  if (result.ok()) return true;
  const std::error_code code{result.error(), std::generic_category()};
  if (!marker.file.empty()) folder.sources().put_back(marker, directory, file);
  if (!is_forbidden(code))
    throw_errno(result.error(), "unlink", folder.path() + "/" + marker.original);
  if (item.result.outcome == Outcome::forgotten) {
    folder.leave_source(item, file, code);
  } else {
    refuse(item.result, Error{code, "unlink", folder.path() + "/" + marker.original});
  }
  item.stays = true;
  return false;
}

}  // namespace

void remove_markers(TransferFolder& folder, std::vector<TransferItem>& items) {
  std::vector<TransferJournal::Record> records;
  for (const TransferItem& item : items) {
    if (item.is_wanted() && !item.markers.empty()) {
      records.push_back({folder.key_of(item.arrival), "-"});
    }
  }
  if (!records.empty()) folder.journal().add(records);
  std::set<int> directories;
  std::vector<const SeizedSource*> removed;
  for (TransferItem& item : items) {
    for (SeizedSource& marker : item.markers) {
      if (item.stays || !remove(folder, item, marker)) continue;
      removed.push_back(&marker);
      directories.insert({marker.directory, folder.directory_of(item.arrival)});
    }
  }
  for (const int directory : directories)
    sync_foreign_directory(folder.queue().sys(), directory, folder.path());
  for (const SeizedSource* marker : removed) folder.sources().end(*marker);
  // The file that was found is not there any more.
  for (const TransferItem& item : items) {
    if (item.stays && item.result.outcome == Outcome::changed)
      folder.forget({folder.key_of(item.arrival)});
  }
}

}  // namespace spoolq::detail
