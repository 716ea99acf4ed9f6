// Making a claim of a name in new/, or finding out why not.
#include "consumer/take/claimer.hpp"

#include <fmt/core.h>

#include <cerrno>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

/// A name that we may not rename or read is tried again after this.
constexpr Duration kForbiddenRetry{5000};
/// A file that is shorter than its name says counts as incomplete, not damaged, for this long.
constexpr Duration kShortFileGrace{5000};

/// Whether a foreign writer made the file. A claim gives such a file a name of ours without a size,
/// but its owner may have died before it synced the file.
bool is_foreign(const Candidate& candidate) { return candidate.stranger || !candidate.name.size; }

}  // namespace

Claimer::Claimer(std::shared_ptr<ConsumerIdentity> identity, CandidateSource& source)
    : identity_{std::move(identity)}, queue_{identity_->queue()}, source_{source} {}

std::optional<Claim> Claimer::claim_next() {
  while (auto candidate = source_.next()) {
    if (auto claim = try_claim(std::move(*candidate))) return claim;
  }
  return std::nullopt;
}

/// Claims the name, unless it is lost, expired, incomplete or not ours to touch.
std::optional<Claim> Claimer::try_claim(Candidate candidate) {
  try {
    return claim(candidate);
  } catch (const Error& error) {
    if (!is_forbidden(error.code())) {
      // The name is no longer a candidate, and may still be in new/.
      source_.require_scan();
      throw;
    }
    source_.defer(candidate.file, kForbiddenRetry);
    queue_.warn_once(candidate.file, escaped(error.what()));
    return std::nullopt;
  }
}

std::optional<Claim> Claimer::claim(Candidate& candidate) {
  const Location at = Store::place(State::ready, candidate.file);
  // A look is cheaper than a rename, which locks two folders.
  struct stat status = {};
  if (source_.contended() && queue_.store().stat(at, status).error() == ENOENT) {
    source_.lost(candidate.file);
    return std::nullopt;
  }
  if (is_foreign(candidate) && !is_complete(candidate)) {
    source_.defer_to_settle(candidate.file);
    return std::nullopt;
  }
  if (candidate.stranger) {
    // The file may have grown since it was seen first. Its id is that of the file as it is.
    auto name = queue_.store().derive_name(at, candidate.file);
    if (!name) {
      source_.lost(candidate.file);
      return std::nullopt;
    }
    // Of a file that has changed since, or another one of its name, no event has told.
    const bool changed = name->id != candidate.name.id;
    candidate.name = std::move(*name);
    if (changed && !candidate.unsettled && !queue_.store().is_settled(at)) {
      source_.defer_to_settle(candidate.file);
      return std::nullopt;
    }
  }
  const auto& expires = candidate.name.expires;
  if (expires && *expires <= queue_.now()) {
    expire(candidate);
    return std::nullopt;
  }
  const auto ballast = identity_->holds_claims() ? Ballast::keep : Ballast::give;
  const auto message =
      detail::claim(queue_, {at, candidate.name}, identity_->next_claim(), ballast);
  if (!message) {
    source_.lost(candidate.file);
    return std::nullopt;
  }
  source_.claimed(candidate.file);
  try {
    // The attempt must count even if this message crashes the machine.
    if (queue_.settings()->durable_crash_count) {
      queue_.store().sync({State::claimed, State::ready});
    }
    return accept(candidate, *message);
  } catch (const Error& error) {
    // No Claim holds the message, and this consumer lives, so no reaper would free it. The names
    // behind it come first now, in case this file is the cause.
    try {
      put_back(candidate, *message, error.what());
    } catch (const Error& another) {
      queue_.warn_once(message->at.file(), escaped(another.what()));
    }
    throw;
  }
}

/// Moves the message to failed/. Where failed/ has no room, it does no harm in new/.
void Claimer::expire(const Candidate& candidate) {
  try {
    detail::expire(queue_, {Store::place(State::ready, candidate.file), candidate.name});
  } catch (const Error& error) {
    if (error.code() != condition::temporary) throw;
    source_.defer(candidate.file, kForbiddenRetry);
    queue_.warn_once(candidate.file, escaped(error.what()));
  }
}

/// Whether a foreign file may be claimed. A file that came by rename need not settle. But some
/// writers rename before they have written and closed, and the release of a claim is a rename, too.
bool Claimer::is_complete(const Candidate& candidate) const {
  const Location at = Store::place(State::ready, candidate.file);
  return candidate.unsettled ? queue_.store().is_settled(at) : !is_written(at);
}

/// Looks at what was claimed before it becomes a Claim.
std::optional<Claim> Claimer::accept(const Candidate& candidate, StoredMessage message) {
  Sys& sys = queue_.sys();
  struct stat status = {};
  const auto found = queue_.store().stat(message.at, status);
  if (found.error() == ENOENT) return std::nullopt;
  if (!found.ok()) throw_errno(found.error(), "stat", queue_.store().path(message.at));
  if (S_ISDIR(status.st_mode)) return put_back(candidate, message, "a folder");
  // Before it is opened: to open a FIFO waits, to open a device may have effects.
  if (!S_ISREG(status.st_mode)) {
    queue_.store().quarantine(message.at, "not a regular file");
    return std::nullopt;
  }
  UniqueFd file;
  try {
    file = queue_.store().open(message.at);
  } catch (const Error& error) {
    // EAGAIN: another process has a write lease. File servers take them for clients that write.
    const bool is_leased = error.code() == std::errc::resource_unavailable_try_again;
    if (!is_leased && !is_forbidden(error.code())) throw;
    return put_back(candidate, message, error.what());
  }
  message.linked = status.st_nlink > 1;
  if (message.linked && drop_other_names(queue_, message, status.st_ino)) {
    return put_back(candidate, message, "it is claimed under another name");
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (message.name.size && *message.name.size != size) {
    const std::string why =
        fmt::format("it has {} bytes, its name says {}", size, *message.name.size);
    if (size < *message.name.size && may_still_grow(message, status)) {
      return put_back(candidate, message, why, Cause::incomplete);
    }
    queue_.store().quarantine(message.at, why);
    return std::nullopt;
  }
  // A writer that did not open the file before the claim cannot find it any more. One may have
  // opened it between the first look for writers and the claim.
  if (is_foreign(candidate) && is_written(message.at)) {
    return put_back(candidate, message, "somebody has begun to write it again", Cause::incomplete);
  }
  // Another file may have got the name between the look and the claim.
  if (candidate.stranger) {
    const auto name = queue_.store().derive_name(message.at, candidate.file);
    if (!name || name->id != message.name.id) {
      return put_back(candidate, message, "another file has got its name", Cause::incomplete);
    }
    if (message.name.original != candidate.file) set_whole_name(sys, file.get(), candidate.file);
  }
  if (is_foreign(candidate)) {
    // Its writer may not have synced it, and its id must not change after a power cut.
    queue_.durability().sync_file(file.get(), queue_.store().path(message.at));
    queue_.store().sync({State::claimed});
  }
  // The file may not have let us store its whole name.
  std::optional<std::string> whole_name;
  if (candidate.stranger) {
    whole_name = candidate.file;
  } else if (!message.name.original.empty()) {
    whole_name = get_whole_name(sys, file.get());
    if (whole_name && !whole_name->starts_with(message.name.original)) whole_name.reset();
  }
  return Claim{std::make_unique<Claim::Impl>(identity_, std::move(message), std::move(file),
                                             std::move(whole_name))};
}

/// Whether a file that is too short may be a copy that is still being written.
bool Claimer::may_still_grow(const StoredMessage& message, const struct stat& status) const {
  const Time modified{std::chrono::seconds{status.st_mtim.tv_sec}};
  return is_written(message.at) || std::chrono::abs(queue_.now() - modified) < kShortFileGrace;
}

bool Claimer::is_written(const Location& at) const { return queue_.store().has_writer(at) == true; }

/// Gives the claim back, not counted as an attempt, and defers the candidate.
std::nullopt_t Claimer::put_back(const Candidate& candidate, const StoredMessage& message,
                                 const std::string& why, Cause cause) {
  if (cause == Cause::incomplete) {
    source_.defer_to_settle(candidate.file);
  } else {
    source_.defer(candidate.file, kForbiddenRetry);
  }
  queue_.warn_once(candidate.file,
                   fmt::format("new/{} left for later: {}", escaped(candidate.file), escaped(why)));
  identity_->undo_claim(message, candidate.file);
  return std::nullopt;
}

}  // namespace spoolq::detail
