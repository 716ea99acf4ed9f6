// Due messages, dead consumers, leftovers.
#include "queue/upkeep.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "queue/directory_scan.hpp"
#include "queue/liveness.hpp"
#include "queue/message_id.hpp"
#include "queue/rename.hpp"
#include "queue/space.hpp"
#include "queue/throw_error.hpp"

namespace spoolq::detail {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

/// Younger files in tmp/ are left alone: their writer may be between creating and locking them.
constexpr Duration kSweepAge = seconds{60};
/// Files with other names, after maildir(5). Measured by the newest of the three times, because
/// access times are not kept on many mounts.
constexpr Duration kForeignSweepAge = hours{36};
/// A claim is looked at this many times before its lease is over.
constexpr int kLooksPerLease = 3;

Time time_of(const struct timespec& time) {
  return Time{
      std::chrono::milliseconds{std::int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1'000'000}};
}

bool is_pending_name(std::string_view name) {
  return name.size() == 38 && parse_name(name).has_value();
}

/// Remembers who was found alive or dead during one pass, so that each owner is asked about once.
class Owners {
 public:
  Owners(OpenQueue& queue, std::string_view self) : queue_{queue} {
    if (!self.empty()) alive_.emplace(self, true);
  }
  bool alive(std::string_view consumer) {
    const auto known = alive_.find(consumer);
    if (known != alive_.end()) return known->second;
    return alive_.emplace(consumer, is_alive(queue_, consumer)).first->second;
  }

 private:
  OpenQueue& queue_;
  std::map<std::string, bool, std::less<>> alive_;
};

/// Runs one step of upkeep. What may not be touched, or has no room to go to, is reported once and
/// left, so that it does not stop what comes after it.
template <typename Step>
void attempt(OpenQueue& queue, const std::string& file, Step step) {
  try {
    step();
  } catch (const Error& error) {
    if (!is_forbidden(error.code()) && error.code() != condition::temporary) throw;
    queue.warn_once(file, escaped(error.what()));
  }
}

/// Why a detached claim is over, or nothing. Notes the end of a lease that is still to come.
std::optional<std::string> end_of_detached(OpenQueue& queue, const MessageName& name,
                                           TakenBack& result) {
  // One without an end is not ours to judge.
  if (!name.lease_until) return std::nullopt;
  if (*name.lease_until <= queue.now()) return "its lease ended";
  auto& next = result.next_lease_end;
  next = std::min(next.value_or(*name.lease_until), *name.lease_until);
  return std::nullopt;
}

/// The same of a living consumer's claim. The setting is for handlers that hang: a claim for a move
/// ends with its owner, as long as that can be seen.
std::optional<std::string> end_of_lease(OpenQueue& queue, const std::string& file, bool is_move,
                                        Observations& observations, TakenBack& result) {
  const auto lease = queue.settings()->lease;
  if (!lease || (is_move && queue.locks_prove_death())) return std::nullopt;
  const Duration step_max = (*lease + Duration{kLooksPerLease - 1}) / kLooksPerLease;
  const Duration seen = observations.seen_for(file, queue.since_boot(), step_max);
  if (seen >= *lease) {
    return fmt::format("not finished or extended within the lease of {}", format_duration(*lease));
  }
  const Duration next_look = std::min(*lease - seen, step_max);
  auto& next = result.next_observed_end;
  next = std::min(next.value_or(next_look), next_look);
  return std::nullopt;
}

/// Removes the file `inode` from tmp/, under a name that other programs may use again: another file
/// that has it by now keeps it.
bool remove_foreign(OpenQueue& queue, const std::string& file, ino_t inode) {
  Sys& sys = queue.sys();
  const int tmp = queue.fd(Folder::tmp);
  const std::string seized = "swept-" + random_token();
  if (!rename_new(sys, tmp, file.c_str(), tmp, seized.c_str()).ok()) return false;
  struct stat status = {};
  if (sys.fstatat(tmp, seized.c_str(), status).ok() && status.st_ino == inode) {
    return sys.unlinkat(tmp, seized.c_str()).ok();
  }
  const SysResult restored = rename_new(sys, tmp, seized.c_str(), tmp, file.c_str());
  if (!restored.ok() && restored.error() != ENOENT) {
    queue.log(LogLevel::warning, fmt::format("tmp/{} is tmp/{} now: another file has its name",
                                             escaped(file), seized));
  }
  return false;
}

/// Removes files of the dead from consumers/. Their claims have been taken back before; one that
/// could not be is taken back all the same by whoever finds no file of that name.
void bury_the_dead(OpenQueue& queue, Owners& owners) {
  std::vector<std::string> dead;
  scan_consumers(queue, [&](std::string_view consumer) {
    if (!owners.alive(consumer)) dead.emplace_back(consumer);
  });
  for (const std::string& consumer : dead) bury_consumer(queue, consumer);
}

}  // namespace

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

Duration Observations::seen_for(const std::string& file, Duration now, Duration step_max) {
  Observed& observed = files_.try_emplace(file, Observed{.last = now}).first->second;
  observed.again = true;
  observed.credited += std::clamp(now - observed.last, Duration{0}, step_max);
  observed.last = now;
  return observed.credited;
}

void Observations::forget_unseen() {
  std::erase_if(files_, [](const auto& file) { return !file.second.again; });
  for (auto& [file, observed] : files_) observed.again = false;
}

TakenBack reap(OpenQueue& queue, std::string_view self, Observations* observations, Bury bury) {
  TakenBack result;
  Owners owners{queue, self};
  const auto end_of_claim = [&](const std::string& file,
                                const MessageName& name) -> std::optional<std::string> {
    if (is_detached(name.claim)) return end_of_detached(queue, name, result);
    if (!owners.alive(claim_owner(name.claim))) return "its consumer died";
    if (observations == nullptr) return std::nullopt;
    return end_of_lease(queue, file, !name.return_to.empty(), *observations, result);
  };
  std::vector<std::pair<StoredMessage, std::string>> over;
  scan_directory(queue.sys(), queue.fd(Folder::claimed), queue.path(Folder::claimed),
                 [&](const DirectoryEntry& entry) {
                   auto name = parse_name(entry.name);
                   // Without C it is somebody's mail.
                   if (!name || name->claim.empty()) return true;
                   std::string file{entry.name};
                   if (auto why = end_of_claim(file, *name)) {
                     over.emplace_back(StoredMessage{Folder::claimed, std::move(file), *name},
                                       *why);
                   }
                   return true;
                 });
  if (observations != nullptr) observations->forget_unseen();
  bool elsewhere = false;
  for (const auto& [message, why] : over) {
    attempt(queue, message.file, [&] {
      // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): does not see captured bindings.
      const auto target = take_back(queue, message, why);
      if (!target) return;
      const bool is_move = !message.name.return_to.empty();
      ++(*target == Folder::failed && !is_move ? result.failed : result.returned);
      if (*target == Folder::later || *target == Folder::done) elsewhere = true;
      queue.log(LogLevel::notice,
                fmt::format("{} taken back: {}", message.name.id.to_string(), why));
    });
  }
  if (elsewhere) {
    queue.durability().sync_changed(
        {Folder::later, Folder::done, Folder::ready, Folder::failed, Folder::claimed});
  } else if (result.returned > 0 || result.failed > 0) {
    queue.durability().sync_changed({Folder::ready, Folder::failed, Folder::claimed});
  }
  if (bury == Bury::yes) bury_the_dead(queue, owners);
  return result;
}

std::uint64_t sweep(OpenQueue& queue) {
  Sys& sys = queue.sys();
  const int tmp = queue.fd(Folder::tmp);
  const Time now = queue.now();
  std::uint64_t swept = 0;
  scan_directory(sys, tmp, queue.path(Folder::tmp), [&](const DirectoryEntry& entry) {
    if (entry.type != DT_REG && entry.type != DT_UNKNOWN) return true;
    const std::string file{entry.name};
    const SysResult opened =
        sys.openat(tmp, file.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (!opened.ok()) return true;
    const UniqueFd fd{sys, opened.fd()};
    struct stat status = {};
    if (!sys.fstat(fd.get(), status).ok() || !S_ISREG(status.st_mode)) return true;
    const Time changed = time_of(status.st_ctim);
    if (is_pending_name(file)) {
      if (now - changed < kSweepAge || !sys.flock(fd.get(), LOCK_EX | LOCK_NB).ok()) return true;
      // The lock is held until the file is gone: a writer that comes now finds no link left. No
      // name like this is used twice.
      if (sys.unlinkat(tmp, file.c_str()).ok()) ++swept;
      return true;
    }
    const Time touched = std::max({changed, time_of(status.st_mtim), time_of(status.st_atim)});
    // A write lease is granted only while nobody else has the file open (fcntl(2)).
    if (now - touched < kForeignSweepAge || !sys.set_lease(fd.get(), F_WRLCK).ok()) return true;
    if (remove_foreign(queue, file, status.st_ino)) ++swept;
    return true;
  });
  return swept;
}

void restock(OpenQueue& queue) {
  make_spares(queue.sys(), queue.folders(), queue.settings()->file_mode());
  make_ballast(queue.sys(), queue.folders());
}

std::uint64_t prune_done(OpenQueue& queue) {
  const auto keep = queue.settings()->keep_done_for;
  if (!keep) return 0;
  Sys& sys = queue.sys();
  const int done = queue.fd(Folder::done);
  const Time now = queue.now();
  std::uint64_t pruned = 0;
  scan_directory(sys, done, queue.path(Folder::done), [&](const DirectoryEntry& entry) {
    const std::string file{entry.name};
    if (!parse_name(file)) return true;
    struct stat status = {};
    if (!sys.fstatat(done, file.c_str(), status).ok()) return true;
    // The rename into done/ set the time of change.
    if (now - time_of(status.st_ctim) < *keep) return true;
    if (sys.unlinkat(done, file.c_str()).ok()) ++pruned;
    return true;
  });
  return pruned;
}

}  // namespace spoolq::detail
