// Files of other folders become messages.
#include "producer/adopt/transfer.hpp"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <fmt/core.h>
#include <xxhash.h>

#include <cerrno>

#include "producer/adopt/copy_transfer.hpp"
#include "producer/adopt/marker_removal.hpp"
#include "producer/adopt/rename_transfer.hpp"
#include "queue/os/byte_lock.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/folder_locks.hpp"

namespace spoolq::detail {
namespace {

using Outcome = Transferred::Outcome;

/// How much longer than `settle` a file waits whose writers the kernel does not tell of.
constexpr int kBlindFactor = 10;

}  // namespace

/// Files that wait under private names, and all that items about them refer to.
struct Transfer::KeptItems {
  std::vector<SeizedSources::Kept> kept;
  std::vector<Arrival> arrivals;
  std::vector<Transferred> results;
};

Transfer::Transfer(OpenQueue& queue, const std::string& directory, TransferOptions options)
    : folder_{queue, directory, options} {
  queue.require_own_process("take into");
  if (!options.look_only) require_one_way();
  folder_.open_journal();
  if (!options.look_only) recover();
}

/// What a dead process has published is removed; anything else that it has seized goes back.
void Transfer::recover() {
  std::vector<JournalKeys> removed;
  folder_.sources().recover([&](const SeizedSource& source) {
    const auto arrival = folder_.arrival_of(source);
    if (!arrival || !folder_.has_taken(*arrival)) return false;
    Transferred result;
    const TransferItem item{.arrival = *arrival, .result = result, .source = source};
    if (!folder_.is_what_was_taken(item).value_or(false)) return false;
    removed.push_back(folder_.keys_of(*arrival));
    return true;
  });
  if (!removed.empty()) folder_.journal().forget(removed);
}

/// Files that one process copies and another one moves would be messages twice. So each of them has
/// a lock on one byte of tmp/, whose place is a hash of the folder's path, and asks whether anybody
/// has one on the byte of the other way.
void Transfer::require_one_way() {
  way_ = open_to_lock(folder_.queue(), FolderLock::transfers);
  // Where this does not work, nobody asks.
  if (way_.get() < 0) return;
  const auto both =
      static_cast<std::int64_t>(XXH3_64bits(folder_.path().data(), folder_.path().size()) >> 2U) *
      2;
  struct flock ours = byte_lock(F_RDLCK, both + (folder_.by_rename() ? 0 : 1), 1);
  struct flock theirs = byte_lock(F_WRLCK, both + (folder_.by_rename() ? 1 : 0), 1);
  if (::fcntl(way_.get(), F_OFD_SETLK, &ours) != 0) return;
  if (::fcntl(way_.get(), F_OFD_GETLK, &theirs) != 0 || theirs.l_type == F_UNLCK) return;
  throw_errno(EAGAIN, "take from", folder_.path(),
              folder_.by_rename() ? "another process copies files from there"
                                  : "another process moves files from there");
}

std::vector<Transferred> Transfer::take(const std::vector<Arrival>& arrivals) {
  folder_.queue().durability().require_sound(folder_.queue().path());
  folder_.queue().refresh_settings();
  std::vector<Transferred> results(arrivals.size());
  std::vector<TransferItem> items;
  KeptItems kept;
  begin_kept(items, kept);
  for (std::size_t i = 0; i < arrivals.size(); ++i) begin(items, arrivals[i], results[i]);
  if (!folder_.options().keep) {
    folder_.announce(items);
    MarkerRemoval{folder_}.run(items);
  }
  if (folder_.by_rename()) RenameTransfer{folder_}.run(items);
  CopyTransfer copies{folder_};
  if (!folder_.by_rename()) copies.copy(items);
  if (!folder_.options().keep) copies.remove_sources(items);
  folder_.sources().settle();
  return results;
}

void Transfer::begin(std::vector<TransferItem>& items, const Arrival& arrival,
                     Transferred& result) {
  TransferItem item{.arrival = arrival, .result = result};
  item.name = folder_.name_of(arrival);
  result.id = item.name.id;
  if (folder_.has_taken(arrival) &&
      (folder_.options().keep || folder_.is_what_was_taken(item).value_or(true))) {
    result.outcome = Outcome::forgotten;
    items.push_back(std::move(item));
  } else if (folder_.open(item)) {
    items.push_back(std::move(item));
  }
}

/// Files that could not be put back: they are put back now, or taken from where they are, when
/// their writers have gone.
void Transfer::begin_kept(std::vector<TransferItem>& items, KeptItems& kept) {
  if (!folder_.sources().has_kept()) return;
  Sys& sys = folder_.queue().sys();
  folder_.sources().put_back_kept();
  if (folder_.options().keep) return;
  kept.kept = folder_.sources().kept();
  kept.arrivals.reserve(kept.kept.size());
  kept.results.reserve(kept.kept.size());
  for (const SeizedSources::Kept& each : kept.kept) {
    const SeizedSource& source = each.source;
    auto found = folder_.arrival_of(source);
    if (!found) continue;
    const struct stat& status = found->status;
    const auto writer = has_writer(sys, source.directory, source.file);
    const Duration age =
        folder_.queue().now() - Time{Duration{std::int64_t{status.st_ctim.tv_sec} * 1000}};
    const bool is_quiet =
        writer ? !*writer : age > folder_.queue().settings()->settle * kBlindFactor;
    if (!is_quiet) continue;
    folder_.queue().log(LogLevel::notice, fmt::format("{} is taken from {}, where it was kept",
                                                      escaped(source.original), source.file));
    TransferItem item{.arrival = kept.arrivals.emplace_back(std::move(*found)),
                      .result = kept.results.emplace_back()};
    item.source = source;
    item.name = folder_.name_of(item.arrival);
    if (folder_.has_taken(item.arrival) && folder_.is_what_was_taken(item).value_or(true)) {
      item.result.outcome = Outcome::forgotten;
    } else if (!folder_.open(item)) {
      continue;
    }
    items.push_back(std::move(item));
  }
}

bool Transfer::remove_markers(const Arrival& arrival) {
  if (arrival.markers.empty()) return folder_.is_as_judged(arrival);
  std::vector<TransferItem> items;
  Transferred result;
  items.push_back({.arrival = arrival, .result = result});
  folder_.announce(items);
  MarkerRemoval{folder_}.run(items);
  folder_.sources().settle();
  if (result.error) {
    throw Error{result.error, "unlink", folder_.path() + "/" + arrival.markers.front()};
  }
  return !items.front().stays;
}

}  // namespace spoolq::detail
