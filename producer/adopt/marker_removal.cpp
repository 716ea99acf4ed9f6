// Markers.
#include "producer/adopt/marker_removal.hpp"

#include <cerrno>
#include <set>

#include "queue/os/throw_error.hpp"

namespace spoolq::detail {

using Outcome = Transferred::Outcome;

void MarkerRemoval::run(std::vector<TransferItem>& items) {
  std::vector<TransferJournal::Record> records;
  for (const TransferItem& item : items) {
    if (item.is_wanted() && !item.markers.empty()) {
      records.push_back({folder_.keys_of(item.arrival).key, "-"});
    }
  }
  if (!records.empty()) folder_.journal().add(records);
  std::set<int> directories;
  std::vector<const SeizedSource*> removed;
  for (TransferItem& item : items) {
    for (SeizedSource& marker : item.markers) {
      if (item.stays || !remove(item, marker)) continue;
      removed.push_back(&marker);
      directories.insert({marker.directory, folder_.directory_of(item.arrival)});
    }
  }
  for (const int directory : directories)
    sync_foreign_directory(folder_.queue().sys(), directory, folder_.path());
  for (const SeizedSource* marker : removed) folder_.sources().end(*marker);
  // What was judged is not there any more.
  for (const TransferItem& item : items) {
    if (item.stays && item.result.outcome == Outcome::changed) folder_.forget(item.arrival);
  }
}

bool MarkerRemoval::remove(TransferItem& item, SeizedSource& marker) {
  const int directory = folder_.directory_of(item.arrival);
  const std::string file = marker.original.substr(item.arrival.below.size());
  SysResult result = folder_.sources().seize(marker, directory, file);
  if (result.error() == EXDEV) result = folder_.sources().seize(marker, directory, file);
  if (result.error() == ENOENT) return false;
  if (result.ok() && !folder_.is_as_judged(item.arrival)) {
    folder_.sources().put_back(marker, directory, file);
    item.stays = true;
    return false;
  }
  if (result.ok()) result = folder_.sources().remove(marker);
  if (result.ok()) return true;
  const std::error_code code{result.error(), std::generic_category()};
  if (!marker.file.empty()) folder_.sources().put_back(marker, directory, file);
  if (!is_forbidden(code))
    throw_errno(result.error(), "unlink", folder_.path() + "/" + marker.original);
  if (item.result.outcome == Outcome::forgotten) {
    folder_.warn_of_source(item, file, code);
  } else {
    refuse(item.result, Error{code, "unlink", folder_.path() + "/" + marker.original});
  }
  item.stays = true;
  return false;
}

}  // namespace spoolq::detail
