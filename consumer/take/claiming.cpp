// Making a claim of a name in new/, or finding out why not.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "consumer/take/consumer.hpp"
#include "queue/format/attributes.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/rename.hpp"

namespace spoolq {
namespace {

using detail::Candidate;
using detail::Folder;
using detail::StoredMessage;
using detail::UniqueFd;
using Clock = std::chrono::steady_clock;

/// A rename that comes too late costs about as much as reading so many names.
constexpr std::size_t kNamesPerLoss = 16;
constexpr std::size_t kLossesMin = 32;
/// So many of our own claims are told apart from lost races.
constexpr std::size_t kTakenMax = 4096;
/// A name that we may not rename or read is tried again after this.
constexpr Duration kForbiddenRetry{5000};
/// A file shorter than its name says is not damaged while it may still be in the making.
constexpr Duration kShortFileGrace{5000};
/// A file that is not complete yet is not looked at more often than this, whatever `settle` says.
constexpr Duration kUnsettledRetryMin{100};

/// Whether a stranger has written the file. When it was claimed it got a name of ours, without a
/// size; but whoever had claimed it may have died before it was synced.
bool is_strangers(const Candidate& candidate) { return candidate.stranger || !candidate.name.size; }

}  // namespace

Duration Consumer::Impl::unsettled_retry() {
  return std::max(kUnsettledRetryMin, open().settings()->settle);
}

std::optional<Claim> Consumer::Impl::claim_next() {
  // Beside other consumers the window goes stale. When so many of its names were gone that looking
  // for them has cost as much as a scan, a scan is better.
  const std::size_t losses_max = std::max(kLossesMin, names_seen_ / kNamesPerLoss);
  while (auto candidate = candidates_.next()) {
    if (races_lost_ > losses_max) {
      scan_needed_ = true;
      return std::nullopt;
    }
    if (auto claim = attempt(std::move(*candidate))) return claim;
  }
  return std::nullopt;
}

/// Claims the name, or finds out why not: lost, expired, not complete, not ours to touch.
std::optional<Claim> Consumer::Impl::attempt(Candidate candidate) {
  try {
    if (is_strangers(candidate) && !is_complete(candidate)) {
      settling_until_ = Clock::now() + unsettled_retry();
      candidates_.defer(candidate.file, settling_until_);
      return std::nullopt;
    }
    if (candidate.stranger) {
      // It may have grown since it was seen first; its id is that of the file as it is.
      auto name = open().store().derive_name(detail::Store::place(State::ready, candidate.file),
                                             candidate.file);
      if (!name) return std::nullopt;
      candidate.name = std::move(*name);
    }
    const auto& expires = candidate.name.expires;
    if (expires && *expires <= open().now()) {
      expire(candidate);
      return std::nullopt;
    }
    const auto ballast = identity_->holds_claims() ? detail::Ballast::keep : detail::Ballast::give;
    auto message =
        detail::claim(open(), {detail::Store::place(State::ready, candidate.file), candidate.name},
                      identity_->next_claim(), ballast);
    if (!message) {
      // An event may tell of a name that a scan had found before; then we were our own rival.
      if (!taken_.contains(candidate.file)) {
        ++races_lost_;
        candidates_.lost_race();
      }
      return std::nullopt;
    }
    if (taken_.size() >= kTakenMax) taken_.clear();
    taken_.insert(candidate.file);
    try {
      // The attempt is to count even if this message takes the machine down with it.
      if (open().settings()->durable_crash_count) {
        open().store().sync({State::claimed, State::ready});
      }
      return accept(candidate, *message);
    } catch (const Error& error) {
      // Nobody has the claim, and we live: it would be nobody's as long as we do. Those behind it
      // are to come first now, in case it is this file that cannot be had.
      try {
        put_back(candidate, *message, kForbiddenRetry, error.what());
      } catch (const Error& another) {
        open().warn_once(message->at.file(), detail::escaped(another.what()));
      }
      throw;
    }
  } catch (const Error& error) {
    if (!detail::is_forbidden(error.code())) {
      // The name is out of the window and may still be in new/.
      scan_needed_ = true;
      throw;
    }
    candidates_.defer(candidate.file, Clock::now() + kForbiddenRetry);
    open().warn_once(candidate.file, detail::escaped(error.what()));
    return std::nullopt;
  }
}

/// Where failed/ has no room for it, it is in nobody's way.
void Consumer::Impl::expire(const Candidate& candidate) {
  try {
    detail::expire(open(), {detail::Store::place(State::ready, candidate.file), candidate.name});
  } catch (const Error& error) {
    if (error.code() != condition::temporary) throw;
    candidates_.defer(candidate.file, Clock::now() + kForbiddenRetry);
    open().warn_once(candidate.file, detail::escaped(error.what()));
  }
}

/// Whether a stranger's file may be claimed. One that came by rename need not settle, but some
/// writers rename before they have written and closed; and a claim that is given back is a rename
/// to all other consumers.
bool Consumer::Impl::is_complete(const Candidate& candidate) {
  if (candidate.unsettled) {
    return open().store().is_settled(detail::Store::place(State::ready, candidate.file)) ||
           was_seen_to_arrive(candidate.file);
  }
  return open().store().has_writer(detail::Store::place(State::ready, candidate.file)) != true;
}

/// Whether another consumer saw it come by rename.
bool Consumer::Impl::was_seen_to_arrive(const std::string& file) {
  if (open().store().has_writer(detail::Store::place(State::ready, file)) == true) return false;
  struct stat status = {};
  return open().store().stat(detail::Store::place(State::ready, file), status).ok() &&
         arrivals_.is_told(status);
}

/// Looks at what was claimed before anybody is handed it.
std::optional<Claim> Consumer::Impl::accept(const Candidate& candidate, StoredMessage message) {
  detail::Sys& sys = open().sys();
  struct stat status = {};
  const auto found = open().store().stat(message.at, status);
  if (found.error() == ENOENT) return std::nullopt;
  if (!found.ok()) {
    detail::throw_errno(found.error(), "stat", open().store().path(message.at));
  }
  if (S_ISDIR(status.st_mode)) {
    put_back(candidate, message, kForbiddenRetry, "a folder");
    return std::nullopt;
  }
  // Before it is opened: opening a FIFO waits, opening a device does things.
  if (!S_ISREG(status.st_mode)) {
    open().store().quarantine(message.at, "not a regular file");
    return std::nullopt;
  }
  UniqueFd file;
  try {
    file = open().store().open(message.at);
  } catch (const Error& error) {
    // Somebody has a write lease: file servers take them for clients that write.
    const bool is_leased = error.code() == std::errc::resource_unavailable_try_again;
    if (!is_leased && !detail::is_forbidden(error.code())) throw;
    put_back(candidate, message, kForbiddenRetry, error.what());
    return std::nullopt;
  }
  message.linked = status.st_nlink > 1;
  if (message.linked && detail::drop_other_names(open(), message, status.st_ino)) {
    put_back(candidate, message, kForbiddenRetry, "it is claimed under another name");
    return std::nullopt;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (message.name.size && *message.name.size != size) {
    const std::string why =
        fmt::format("it has {} bytes, its name says {}", size, *message.name.size);
    if (size < *message.name.size && may_still_grow(message, status)) {
      put_back_to_settle(candidate, message, why);
    } else {
      open().store().quarantine(message.at, why);
    }
    return std::nullopt;
  }
  // Since the claim nobody finds it under its name any more, but somebody may have opened it after
  // we had asked for writers and before the claim.
  if (is_strangers(candidate) && open().store().has_writer(message.at) == true) {
    put_back_to_settle(candidate, message, "somebody has begun to write it again");
    return std::nullopt;
  }
  // Another file may have got the name between the look and the claim.
  if (candidate.stranger) {
    const auto name = open().store().derive_name(message.at, candidate.file);
    if (!name || name->id != message.name.id) {
      put_back_to_settle(candidate, message, "another file has got its name");
      return std::nullopt;
    }
  }
  if (candidate.stranger && message.name.original != candidate.file) {
    detail::set_whole_name(sys, file.get(), candidate.file);
  }
  if (is_strangers(candidate)) {
    // Its writer may not have synced it, and its id must not change after a power cut.
    open().store().sync_file(file.get(), open().store().path(message.at));
    open().store().sync({State::claimed});
  }
  // A stranger's file may not let us note its whole name.
  std::optional<std::string> whole_name;
  if (candidate.stranger) {
    whole_name = candidate.file;
  } else if (!message.name.original.empty()) {
    whole_name = detail::get_whole_name(sys, file.get());
    if (whole_name && !whole_name->starts_with(message.name.original)) whole_name.reset();
  }
  return Claim{std::make_unique<Claim::Impl>(identity_, std::move(message), std::move(file),
                                             std::move(whole_name))};
}

/// Whether a file that is too short may be one that somebody is copying just now.
bool Consumer::Impl::may_still_grow(const StoredMessage& message, const struct stat& status) {
  if (open().store().has_writer(message.at) == true) return true;
  const Time modified{std::chrono::seconds{status.st_mtim.tv_sec}};
  return std::chrono::abs(open().now() - modified) < kShortFileGrace;
}

/// A file that is not complete yet: whoever waits for the last message waits for it.
void Consumer::Impl::put_back_to_settle(const Candidate& candidate, const StoredMessage& message,
                                        const std::string& why) {
  settling_until_ = Clock::now() + unsettled_retry();
  put_back(candidate, message, unsettled_retry(), why);
}

/// Undoes a claim, not counted as an attempt, and leaves the name alone for a while.
void Consumer::Impl::put_back(const Candidate& candidate, const StoredMessage& message,
                              Duration retry, const std::string& why) {
  candidates_.defer(candidate.file, Clock::now() + retry);
  open().warn_once(candidate.file,
                   fmt::format("new/{} left for later: {}", detail::escaped(candidate.file),
                               detail::escaped(why)));
  try {
    detail::unclaim(open(), message, detail::Store::place(State::ready, candidate.file));
  } catch (const Error&) {
    identity_->abandon({message, /*counts=*/false});
    throw;
  }
}

}  // namespace spoolq
