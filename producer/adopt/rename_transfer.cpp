// Renames into new/.
#include "producer/adopt/rename_transfer.hpp"

#include <unistd.h>

#include <optional>

#include "queue/format/attributes.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/limits.hpp"

namespace spoolq::detail {

using Outcome = Transferred::Outcome;

void RenameTransfer::run(std::vector<TransferItem>& items) {
  bool any = false;
  for (TransferItem& item : items) {
    if (!item.is_wanted()) continue;
    rename(item);
    if (!folder_.by_rename()) break;
    any = any || item.result.outcome == Outcome::taken;
  }
  if (!any) return;
  try {
    folder_.queue().durability().sync_changed({State::ready}, folder_.sources().intake(),
                                              folder_.queue().path() + "/intake");
    sync_foreign_directory(folder_.queue().sys(), folder_.descriptor(), folder_.path());
  } catch (const Error&) {
    folder_.queue().durability().condemn();
    throw_errc(errc::indeterminate, "take from", folder_.path());
  }
  std::vector<JournalKeys> keys;
  for (const TransferItem& item : items) {
    if (item.result.outcome != Outcome::taken) continue;
    folder_.sources().end(item.source);
    keys.push_back(folder_.keys_of(item.arrival));
  }
  if (folder_.has_journal()) folder_.journal().forget(keys);
}

void RenameTransfer::rename(TransferItem& item) {
  Sys& sys = folder_.queue().sys();
  const Arrival& arrival = item.arrival;
  std::optional<Allowance> allowance;
  try {
    allowance.emplace(folder_.queue(), *item.name.size);
  } catch (const Error& error) {
    if (!is_about_one_file(error.code())) throw;
    refuse(item.result, error);
    return;
  }
  if (item.name.original != arrival.file) set_whole_name(sys, item.fd.get(), arrival.file);
  // Its writer may not have synced it.
  folder_.queue().store().sync_file(item.fd.get(), folder_.path_of(arrival));
  try {
    // Until it has its new name, or the old one again, who wants to write to it waits.
    WriterHold writers{sys, item.fd.get()};
    if (!folder_.is_left_alone(item.arrival, item.fd.get(), writers)) return;
    if (!folder_.seize(item, item.fd.get(), writers)) return;
    // No other process moves what has a private name.
    if (!folder_.queue().store().bring_in(item.source.directory, folder_.path(), item.source.file,
                                          {State::ready, item.name, {}}, Ballast::keep)) {
      folder_.sources().end(item.source);
      return;
    }
  } catch (const Error& error) {
    if (error.code() == std::errc::cross_device_link) {
      folder_.copy_from_now_on();
      return;
    }
    folder_.put_back(item);
    if (!is_about_one_file(error.code())) throw;
    refuse(item.result, error);
    return;
  }
  allowance->publish();
  item.result.outcome = Outcome::taken;
  // Those who may read the queue may be others; somebody else's file keeps its mode, also when we
  // could change it, and so does one that has a name elsewhere.
  struct stat now = {};
  if (!sys.fstat(item.fd.get(), now).ok()) return;
  if (now.st_nlink > 1 || now.st_uid != ::geteuid()) return;
  static_cast<void>(sys.fchmod(item.fd.get(), folder_.queue().settings()->file_mode()));
}

}  // namespace spoolq::detail
