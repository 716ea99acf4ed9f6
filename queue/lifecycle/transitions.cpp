// The transitions of a message after the put.
#include "queue/lifecycle/transitions.hpp"

#include <fcntl.h>
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/move_claim.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {
namespace {

constexpr std::string_view kExpired = "expired: its time to live is over";

Reason because(std::string text) {
  Reason reason;
  reason.text = std::move(text);
  return reason;
}

/// The reason with who gives the message up, and where.
Reason signed_by(const MessageName& name, Reason reason) {
  if (reason.host.empty()) reason.host = host_name();
  if (reason.consumer.empty()) {
    reason.consumer = is_detached(name.claim) ? name.claim : std::string{claim_owner(name.claim)};
  }
  return reason;
}

/// The name without what ends with a claim.
MessageName unclaimed(MessageName name) {
  name.claim.clear();
  name.lease_until.reset();
  name.return_to.clear();
  return name;
}

/// R for a message that is claimed where it is now.
std::string return_of(const StoredMessage& message) {
  if (message.folder == Folder::claimed) {
    const std::string& before = message.name.return_to;
    return before.empty() ? folder_name(Folder::ready) : before;
  }
  if (message.folder != Folder::later) return std::string{folder_name(message.folder)};
  const auto delayed = parse_delayed_name(message.file);
  return format_return(delayed ? delayed->due : Time{});
}

/// Where R says that the message belongs.
Destination destination_of_return(const MessageName& name) {
  Destination destination{Folder::ready, unclaimed(name), {}};
  if (name.return_to == folder_name(Folder::failed)) {
    destination.folder = Folder::failed;
  } else if (name.return_to == folder_name(Folder::done)) {
    destination.folder = Folder::done;
  } else if (const auto due = parse_return(name.return_to)) {
    destination.folder = Folder::later;
    destination.due = due;
  }
  return destination;
}

[[noreturn]] void claim_is_lost(OpenQueue& queue, const char* operation,
                                const StoredMessage& message) {
  throw_errc(errc::claim_lost, operation, queue.path(message.folder, message.file));
}

/// Why a message that is given back cannot be delivered again, or nothing.
std::optional<std::string> end_of(OpenQueue& queue, const MessageName& name,
                                  unsigned attempts_max) {
  if (name.expires && *name.expires <= queue.now()) return std::string{kExpired};
  if (name.attempts >= attempts_max) {
    return fmt::format("given up after {} of {} attempts", name.attempts, attempts_max);
  }
  return std::nullopt;
}

std::optional<std::string> end_of(OpenQueue& queue, const MessageName& name) {
  return end_of(queue, name, queue.settings()->max_attempts);
}

/// Sets the reason where the file can be opened. Never stops the move that follows.
void note_reason(OpenQueue& queue, const StoredMessage& message, const Reason& reason) {
  const SysResult opened = queue.sys().openat(queue.fd(message.folder), message.file.c_str(),
                                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!opened.ok()) return;
  const UniqueFd fd{queue.sys(), opened.fd()};
  set_reason(queue.sys(), fd.get(), signed_by(message.name, reason));
}

/// Why its last run failed, if one did: a message that expires meanwhile has failed for that, too.
Reason last_reason(OpenQueue& queue, const StoredMessage& message) {
  if (message.name.attempts == 0) return {};
  const SysResult opened = queue.sys().openat(queue.fd(message.folder), message.file.c_str(),
                                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!opened.ok()) return {};
  const UniqueFd fd{queue.sys(), opened.fd()};
  return get_reason(queue.sys(), fd.get()).value_or(Reason{});
}

/// Why an earlier run failed says nothing of a message that is done.
void forget_reason(OpenQueue& queue, const StoredMessage& message) {
  // With a lease somebody may have noted that it is over, and then been too late.
  if (message.name.attempts < 2 && !queue.settings()->lease) return;
  const SysResult opened = queue.sys().openat(queue.fd(message.folder), message.file.c_str(),
                                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (!opened.ok()) return;
  const UniqueFd fd{queue.sys(), opened.fd()};
  remove_reason(queue.sys(), fd.get());
}

/// Moves a message to failed/, not synced. False when it is gone.
bool move_to_failed(OpenQueue& queue, const StoredMessage& message, const Reason& reason) {
  note_reason(queue, message, reason);
  return rename_message(queue, message.folder, message.file,
                        {Folder::failed, unclaimed(message.name), {}})
      .has_value();
}

/// Claims a foreign file to remove it. Another program may have given its name to another file:
/// that one goes back, and the message is gone.
std::optional<StoredMessage> seize_foreign(OpenQueue& queue, const StoredMessage& message) {
  auto seized = claim_for_move(queue, message, queue.mover()->next_claim());
  if (!seized) return std::nullopt;
  const auto name = derive_name(queue, Folder::claimed, seized->file, message.file);
  if (name && name->id == message.name.id) return seized;
  try {
    put_back(queue, *seized, message);
  } catch (const Error&) {
    queue.drop_mover();
    throw;
  }
  return std::nullopt;
}

}  // namespace

std::optional<StoredMessage> claim(OpenQueue& queue, const std::string& file, MessageName name,
                                   const std::string& claim, Ballast ballast) {
  name = unclaimed(std::move(name));
  name.attempts = std::min(name.attempts + 1, kAttemptsMax);
  name.claim = claim;
  auto claimed = rename_message(queue, Folder::ready, file, {Folder::claimed, name, {}}, ballast);
  if (!claimed) return std::nullopt;
  auto stored = parse_name(*claimed);
  return StoredMessage{Folder::claimed, std::move(*claimed), stored ? *stored : name};
}

void unclaim(OpenQueue& queue, const StoredMessage& message, const std::string& file) {
  const SysResult renamed = rename_new(queue.sys(), queue.fd(Folder::claimed), message.file.c_str(),
                                       queue.fd(Folder::ready), file.c_str());
  if (renamed.ok() || renamed.error() == ENOENT) return;
  // Its name was taken meanwhile, or the folder has no room: back as any released message.
  MessageName name = unclaimed(message.name);
  --name.attempts;
  static_cast<void>(
      rename_message(queue, Folder::claimed, message.file, {Folder::ready, name, {}}));
}

void undo_claim(OpenQueue& queue, const StoredMessage& message) {
  MessageName name = unclaimed(message.name);
  if (name.attempts > 0) --name.attempts;
  if (!rename_message(queue, Folder::claimed, message.file, {Folder::ready, name, {}})) {
    claim_is_lost(queue, "give back", message);
  }
  queue.durability().sync_changed({Folder::ready, Folder::claimed});
}

void acknowledge(OpenQueue& queue, const StoredMessage& message, Sync sync,
                 std::optional<bool> keep) {
  if (sync == Sync::durable) queue.durability().require_sound(queue.path());
  // One that was put back meanwhile would be delivered again.
  if (message.linked) drop_other_names(queue, message);
  bool kept = false;
  if (keep.value_or(queue.settings()->keep_done)) {
    try {
      forget_reason(queue, message);
      if (!rename_message(queue, Folder::claimed, message.file,
                          {Folder::done, unclaimed(message.name), {}})) {
        claim_is_lost(queue, "ack", message);
      }
      kept = true;
    } catch (const Error& error) {
      // On a full disk the end of the message matters more than its memory.
      if (error.code() != condition::temporary) throw;
    }
  }
  if (!kept) {
    const SysResult removed = queue.sys().unlinkat(queue.fd(Folder::claimed), message.file.c_str());
    if (removed.error() == ENOENT) claim_is_lost(queue, "ack", message);
    if (!removed.ok()) {
      throw_errno(removed.error(), "unlink", queue.path(Folder::claimed, message.file));
    }
  }
  if (sync != Sync::durable) return;
  if (kept) {
    queue.durability().sync_changed({Folder::done, Folder::claimed});
  } else {
    queue.durability().sync_changed({Folder::claimed});
  }
}

void release(OpenQueue& queue, const StoredMessage& message, std::optional<Time> due) {
  if (const auto end = end_of(queue, message.name)) {
    fail(queue, message, because(*end));
    return;
  }
  Destination destination{Folder::ready, unclaimed(message.name), {}};
  if (due && *due > queue.now()) {
    destination.folder = Folder::later;
    destination.due = due;
  }
  if (!rename_message(queue, Folder::claimed, message.file, destination)) {
    claim_is_lost(queue, "release", message);
  }
  queue.durability().sync_changed({destination.folder, Folder::claimed});
}

Folder retry_later(OpenQueue& queue, const StoredMessage& message, const Reason& reason, Time due,
                   unsigned attempts_max) {
  if (const auto end = end_of(queue, message.name, attempts_max)) {
    Reason last = reason;
    last.text += (last.text.empty() ? "" : "; ") + *end;
    fail(queue, message, last);
    return Folder::failed;
  }
  note_reason(queue, message, reason);
  Destination destination{Folder::ready, unclaimed(message.name), {}};
  if (due > queue.now()) {
    destination.folder = Folder::later;
    destination.due = due;
  }
  if (!rename_message(queue, Folder::claimed, message.file, destination)) {
    claim_is_lost(queue, "retry", message);
  }
  queue.durability().sync_changed({destination.folder, Folder::claimed});
  return destination.folder;
}

void fail(OpenQueue& queue, const StoredMessage& message, const Reason& reason) {
  if (!move_to_failed(queue, message, reason)) claim_is_lost(queue, "fail", message);
  queue.durability().sync_changed({Folder::failed, Folder::claimed});
}

StoredMessage change_claim(OpenQueue& queue, const StoredMessage& message, const std::string& claim,
                           std::optional<Time> lease_until) {
  StoredMessage changed = message;
  changed.name.claim = claim;
  changed.name.lease_until = lease_until;
  changed.name.return_to.clear();
  auto file =
      rename_message(queue, Folder::claimed, message.file, {Folder::claimed, changed.name, {}});
  if (!file) claim_is_lost(queue, "extend", message);
  changed.file = std::move(*file);
  return changed;
}

bool retry(OpenQueue& queue, const StoredMessage& message, Sync sync) {
  const SysResult opened = queue.sys().openat(queue.fd(Folder::failed), message.file.c_str(),
                                              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (opened.ok()) {
    const UniqueFd fd{queue.sys(), opened.fd()};
    remove_reason(queue.sys(), fd.get());
  }
  MessageName name = unclaimed(message.name);
  name.attempts = 0;
  // Whoever retries an expired message wants it delivered all the same.
  if (name.expires && *name.expires <= queue.now()) name.expires.reset();
  if (!rename_message(queue, Folder::failed, message.file, {Folder::ready, name, {}})) return false;
  if (sync == Sync::durable) queue.durability().sync_changed({Folder::ready, Folder::failed});
  return true;
}

bool remove(OpenQueue& queue, const StoredMessage& message, Sync sync) {
  drop_other_names(queue, message);
  StoredMessage held = message;
  if (message.folder == Folder::ready && !parse_name(message.file)) {
    auto seized = seize_foreign(queue, message);
    if (!seized) return false;
    held = std::move(*seized);
  }
  const SysResult removed = queue.sys().unlinkat(queue.fd(held.folder), held.file.c_str());
  if (removed.error() == ENOENT) return false;
  if (!removed.ok()) throw_errno(removed.error(), "unlink", queue.path(held.folder, held.file));
  if (sync == Sync::durable) queue.durability().sync_changed({held.folder});
  return true;
}

bool make_due(OpenQueue& queue, const StoredMessage& message) {
  if (message.name.expires && *message.name.expires <= queue.now()) return expire(queue, message);
  return rename_message(queue, Folder::later, message.file,
                        {Folder::ready, unclaimed(message.name), {}})
      .has_value();
}

bool expire(OpenQueue& queue, const StoredMessage& message) {
  Reason reason = last_reason(queue, message);
  // Another one that was here first may have noted it and not moved the message yet.
  if (!reason.text.ends_with(kExpired)) {
    reason.text += (reason.text.empty() ? "" : "; ") + std::string{kExpired};
  }
  if (!move_to_failed(queue, message, reason)) return false;
  queue.durability().sync_changed({Folder::failed, message.folder});
  return true;
}

std::optional<Folder> take_back(OpenQueue& queue, const StoredMessage& message,
                                const std::string& why) {
  if (!message.name.return_to.empty()) return release_move(queue, message);
  if (const auto end = end_of(queue, message.name)) {
    if (!move_to_failed(queue, message, because(fmt::format("{}; {}", *end, why)))) {
      return std::nullopt;
    }
    return Folder::failed;
  }
  if (!rename_message(queue, Folder::claimed, message.file,
                      {Folder::ready, unclaimed(message.name), {}})) {
    return std::nullopt;
  }
  return Folder::ready;
}

std::optional<StoredMessage> claim_for_move(OpenQueue& queue, const StoredMessage& message,
                                            const std::string& claim) {
  MessageName name = unclaimed(message.name);
  name.claim = claim;
  name.return_to = return_of(message);
  auto file = rename_message(queue, message.folder, message.file, {Folder::claimed, name, {}});
  if (!file) return std::nullopt;
  auto stored = parse_name(*file);
  return StoredMessage{Folder::claimed, std::move(*file), stored ? *stored : name};
}

std::optional<Folder> release_move(OpenQueue& queue, const StoredMessage& message) {
  Destination destination = destination_of_return(message.name);
  if (!rename_message(queue, Folder::claimed, message.file, destination)) return std::nullopt;
  return destination.folder;
}

void put_back(OpenQueue& queue, const StoredMessage& seized, const StoredMessage& before) {
  // Only without replacing: the name may be another file's by now.
  const SysResult renamed =
      queue.sys().renameat2(queue.fd(Folder::claimed), seized.file.c_str(), queue.fd(before.folder),
                            before.file.c_str(), RENAME_NOREPLACE);
  if (renamed.ok() || renamed.error() == ENOENT) return;
  static_cast<void>(release_move(queue, seized));
}

}  // namespace spoolq::detail
