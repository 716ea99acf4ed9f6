// Renames into new/.
#include "producer/adopt/rename_transfer.hpp"

#include <unistd.h>

#include <optional>

#include "queue/format/attributes.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/limits.hpp"

namespace spoolq::detail {
namespace {

using Outcome = Transferred::Outcome;

void rename(TransferFolder& folder, TransferItem& item) {
  Sys& sys = folder.queue().sys();
  const Arrival& arrival = item.arrival;
  std::optional<Allowance> allowance;
  try {
    allowance.emplace(folder.queue(), *item.name.size);
  } catch (const Error& error) {
    return refuse_or_rethrow(item.result, error);
  }
  if (item.name.original != arrival.file) set_whole_name(sys, item.fd.get(), arrival.file);
  // Its writer may not have synced it.
  folder.queue().durability().sync_file(item.fd.get(), folder.path_of(arrival));
  try {
    // Until it has its new name, or the old one again, a process that opens it to write waits.
    WriterHold writers{sys, item.fd.get()};
    if (!folder.is_left_alone(item.arrival, item.fd.get(), writers)) return;
    if (!folder.seize(item, item.fd.get(), writers)) return;
    // No other process moves what has a private name.
    if (!folder.queue().store().bring_in(item.source.directory, folder.path(), item.source.file,
                                         {State::ready, item.name, {}}, Ballast::keep)) {
      return folder.sources().end(item.source);
    }
  } catch (const Error& error) {
    if (error.code() == std::errc::cross_device_link) {
      return folder.copy_from_now_on();
    }
    folder.put_back(item);
    return refuse_or_rethrow(item.result, error);
  }
  allowance->publish();
  item.result.outcome = Outcome::taken;
  // Other users may read the queue than the folder. Another user's file keeps its mode, also when
  // we could change it, and so does a file that has a name elsewhere.
  struct stat now = {};
  if (!sys.fstat(item.fd.get(), now).ok()) return;
  if (now.st_nlink > 1 || now.st_uid != ::geteuid()) return;
  static_cast<void>(sys.fchmod(item.fd.get(), folder.queue().settings()->file_mode()));
}

}  // namespace

void transfer_by_rename(TransferFolder& folder, std::vector<TransferItem>& items) {
  bool any = false;
  for (TransferItem& item : items) {
    if (!item.is_wanted()) continue;
    rename(folder, item);
    if (!folder.by_rename()) break;
    any = any || item.result.outcome == Outcome::taken;
  }
  if (!any) return;
  try {
    folder.queue().durability().sync_changed({State::ready}, folder.sources().intake(),
                                             folder.queue().path() + "/intake");
    sync_foreign_directory(folder.queue().sys(), folder.descriptor(), folder.path());
  } catch (const Error&) {
    folder.queue().durability().condemn();
    throw_errc(errc::indeterminate, "take from", folder.path());
  }
  std::vector<std::string> keys;
  for (const TransferItem& item : items) {
    if (item.result.outcome != Outcome::taken) continue;
    folder.sources().end(item.source);
    keys.push_back(folder.key_of(item.arrival));
  }
  folder.forget(keys);
}

}  // namespace spoolq::detail
