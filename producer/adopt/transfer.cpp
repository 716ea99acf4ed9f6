// Files of other folders become messages.
#include "producer/adopt/transfer.hpp"

#define XXH_INLINE_ALL
#include <fcntl.h>
#include <fmt/core.h>
#include <xxhash.h>

#include <cerrno>
#include <deque>
#include <utility>

#include "producer/adopt/copy_transfer.hpp"
#include "producer/adopt/marker_removal.hpp"
#include "producer/adopt/rename_transfer.hpp"
#include "queue/os/byte_lock.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/intake_folder.hpp"

namespace spoolq::detail {
namespace {

/// How many times `settle` a file waits when the kernel does not report its writers.
constexpr int kBlindFactor = 10;

}  // namespace

/// Files that wait under private names, with what items about them refer to.
struct Transfer::KeptFiles {
  std::vector<SeizedSources::Kept> kept;
  std::deque<std::pair<Arrival, Transferred>> files;
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
  std::vector<std::string> removed;
  folder_.sources().recover([&](const SeizedSource& source) {
    const auto arrival = folder_.arrival_of(source);
    if (!arrival || !folder_.has_taken(*arrival)) return false;
    Transferred result;
    const TransferItem item{.arrival = *arrival, .result = result, .source = source};
    if (!folder_.is_what_was_taken(item).value_or(false)) return false;
    removed.push_back(folder_.key_of(*arrival));
    return true;
  });
  if (!removed.empty()) folder_.journal().forget(removed);
}

/// Files that one process copies and another one moves would be messages twice. So each of them has
/// a lock on one byte of tmp/, whose place is a hash of the folder's path, and asks whether another
/// process has one on the byte of the other way.
void Transfer::require_one_way() {
  way_ = open_transfer_locks(folder_.queue());
  // Where this does not work, no process asks.
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
  KeptFiles kept;
  begin_kept(items, kept);
  for (std::size_t i = 0; i < arrivals.size(); ++i) begin(items, arrivals[i], results[i]);
  const bool keep = folder_.options().keep;
  if (!keep) {
    folder_.announce(items);
    remove_markers(folder_, items);
  }
  if (folder_.by_rename()) transfer_by_rename(folder_, items);
  if (!folder_.by_rename()) transfer_by_copy(folder_, items);
  if (!keep) remove_sources(folder_, items);
  folder_.sources().settle();
  return results;
}

void Transfer::begin(std::vector<TransferItem>& items, const Arrival& arrival, Transferred& result,
                     const SeizedSource& source) {
  TransferItem item{.arrival = arrival, .result = result, .source = source};
  item.name = folder_.name_of(arrival);
  result.id = item.name.id;
  if (folder_.has_taken(arrival) &&
      (folder_.options().keep || folder_.is_what_was_taken(item).value_or(true))) {
    result.outcome = Transferred::Outcome::forgotten;
  } else if (!folder_.open(item)) {
    return;
  }
  items.push_back(std::move(item));
}

/// Files that could not be put back: they are put back now, or taken from where they are, when
/// their writers have gone.
void Transfer::begin_kept(std::vector<TransferItem>& items, KeptFiles& files) {
  if (!has_kept()) return;
  folder_.sources().put_back_kept();
  if (folder_.options().keep) return;
  files.kept = folder_.sources().kept();
  for (const auto& [source, directory] : files.kept) {
    auto found = folder_.arrival_of(source);
    if (!found || !is_quiet(source, *found)) continue;
    folder_.queue().log(LogLevel::notice, fmt::format("{} is taken from {}, where it was kept",
                                                      escaped(source.original), source.file));
    auto& [arrival, result] = files.files.emplace_back(std::move(*found), Transferred{});
    begin(items, arrival, result, source);
  }
}

/// Whether the writers of a seized file have gone.
bool Transfer::is_quiet(const SeizedSource& source, const Arrival& arrival) const {
  const OpenQueue& queue = folder_.queue();
  const auto writer = has_writer(queue.sys(), source.directory, source.file);
  const Time changed{Duration{std::int64_t{arrival.status.st_ctim.tv_sec} * 1000}};
  const Duration age = queue.now() - changed;
  return writer ? !*writer : age > queue.settings()->settle * kBlindFactor;
}

bool Transfer::discard_markers(const Arrival& arrival) {
  if (arrival.markers.empty()) return folder_.is_as_found(arrival);
  std::vector<TransferItem> items;
  Transferred result;
  items.push_back({.arrival = arrival, .result = result});
  folder_.announce(items);
  remove_markers(folder_, items);
  folder_.sources().settle();
  if (result.error) {
    throw Error{result.error, "unlink", folder_.path() + "/" + arrival.markers.front()};
  }
  return !items.front().stays;
}

}  // namespace spoolq::detail
