// The transitions of a message after the put.
#include "queue/lifecycle/transitions.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/mover.hpp"

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
  if (message.at.state() == State::claimed && !message.name.return_to.empty()) {
    return message.name.return_to;
  }
  if (message.due) return format_return(*message.due);
  return format_return(message.at.state() == State::claimed ? State::ready : message.at.state());
}

/// Where R says that the message belongs.
Destination destination_of_return(const MessageName& name) {
  if (const auto due = parse_return(name.return_to)) {
    return {State::delayed, unclaimed(name), due};
  }
  for (const State state : {State::failed, State::done}) {
    if (name.return_to == format_return(state)) return {state, unclaimed(name), {}};
  }
  return {State::ready, unclaimed(name), {}};
}

[[noreturn]] void claim_is_lost(OpenQueue& queue, const char* operation,
                                const StoredMessage& message) {
  throw_errc(errc::claim_lost, operation, queue.store().path(message.at));
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
  if (const UniqueFd file = queue.store().try_open(message.at)) {
    set_reason(queue.sys(), file.get(), signed_by(message.name, reason));
  }
}

/// Why its last run failed, if one did: a message that expires meanwhile has failed for that, too.
Reason last_reason(OpenQueue& queue, const StoredMessage& message) {
  if (message.name.attempts == 0) return {};
  const UniqueFd file = queue.store().try_open(message.at);
  return file ? get_reason(queue.sys(), file.get()).value_or(Reason{}) : Reason{};
}

/// Why an earlier run failed says nothing of a message that is done.
void forget_reason(OpenQueue& queue, const StoredMessage& message) {
  // With a lease somebody may have noted that it is over, and then been too late.
  if (message.name.attempts < 2 && !queue.settings()->lease) return;
  if (const UniqueFd file = queue.store().try_open(message.at)) {
    remove_reason(queue.sys(), file.get());
  }
}

/// Moves a message to failed/, not synced. False when it is gone.
bool move_to_failed(OpenQueue& queue, const StoredMessage& message, const Reason& reason) {
  note_reason(queue, message, reason);
  return queue.store().move(message.at, {State::failed, unclaimed(message.name), {}}).has_value();
}

/// Claims a foreign file to remove it. Another program may have given its name to another file:
/// that one goes back, and the message is gone.
std::optional<StoredMessage> seize_foreign(OpenQueue& queue, const StoredMessage& message) {
  auto seized = claim_for_move(queue, message, queue.mover()->next_claim());
  if (!seized) return std::nullopt;
  const auto name = queue.store().derive_name(seized->at, message.at.file());
  if (name && name->id == message.name.id) return seized;
  try {
    put_back(queue, *seized, message.at);
  } catch (const Error&) {
    queue.drop_mover();
    throw;
  }
  return std::nullopt;
}

}  // namespace

std::optional<StoredMessage> claim(OpenQueue& queue, const StoredMessage& message,
                                   const std::string& claim, Ballast ballast) {
  MessageName name = unclaimed(message.name);
  name.attempts = std::min(name.attempts + 1, kAttemptsMax);
  name.claim = claim;
  return queue.store().move(message.at, {State::claimed, std::move(name), {}}, ballast);
}

void unclaim(OpenQueue& queue, const StoredMessage& message, const Location& before) {
  if (queue.store().rename_back(message.at, before)) return;
  // Its name was taken meanwhile, or the folder has no room: back as any released message.
  MessageName name = unclaimed(message.name);
  --name.attempts;
  static_cast<void>(queue.store().move(message.at, {State::ready, std::move(name), {}}));
}

void undo_claim(OpenQueue& queue, const StoredMessage& message) {
  MessageName name = unclaimed(message.name);
  if (name.attempts > 0) --name.attempts;
  if (!queue.store().move(message.at, {State::ready, name, {}})) {
    claim_is_lost(queue, "give back", message);
  }
  queue.store().sync({State::ready, State::claimed});
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
      if (!queue.store().move(message.at, {State::done, unclaimed(message.name), {}})) {
        claim_is_lost(queue, "ack", message);
      }
      kept = true;
    } catch (const Error& error) {
      // On a full disk the end of the message matters more than its memory.
      if (error.code() != condition::temporary) throw;
    }
  }
  if (!kept) {
    if (!queue.store().remove(message.at)) claim_is_lost(queue, "ack", message);
  }
  if (sync != Sync::durable) return;
  if (kept) {
    queue.store().sync({State::done, State::claimed});
  } else {
    queue.store().sync({State::claimed});
  }
}

void release(OpenQueue& queue, const StoredMessage& message, std::optional<Time> due) {
  if (const auto end = end_of(queue, message.name)) {
    fail(queue, message, because(*end));
    return;
  }
  Destination destination{State::ready, unclaimed(message.name), {}};
  if (due && *due > queue.now()) {
    destination.state = State::delayed;
    destination.due = due;
  }
  if (!queue.store().move(message.at, destination)) {
    claim_is_lost(queue, "release", message);
  }
  queue.store().sync({destination.state, State::claimed});
}

State retry_later(OpenQueue& queue, const StoredMessage& message, const Reason& reason, Time due,
                  unsigned attempts_max) {
  if (const auto end = end_of(queue, message.name, attempts_max)) {
    Reason last = reason;
    last.text += (last.text.empty() ? "" : "; ") + *end;
    fail(queue, message, last);
    return State::failed;
  }
  note_reason(queue, message, reason);
  Destination destination{State::ready, unclaimed(message.name), {}};
  if (due > queue.now()) {
    destination.state = State::delayed;
    destination.due = due;
  }
  if (!queue.store().move(message.at, destination)) {
    claim_is_lost(queue, "retry", message);
  }
  queue.store().sync({destination.state, State::claimed});
  return destination.state;
}

void fail(OpenQueue& queue, const StoredMessage& message, const Reason& reason) {
  if (!move_to_failed(queue, message, reason)) claim_is_lost(queue, "fail", message);
  queue.store().sync({State::failed, State::claimed});
}

StoredMessage change_claim(OpenQueue& queue, const StoredMessage& message, const std::string& claim,
                           std::optional<Time> lease_until) {
  MessageName name = message.name;
  name.claim = claim;
  name.lease_until = lease_until;
  name.return_to.clear();
  auto changed = queue.store().move(message.at, {State::claimed, std::move(name), {}});
  if (!changed) claim_is_lost(queue, "extend", message);
  changed->linked = message.linked;
  return *changed;
}

bool retry(OpenQueue& queue, const StoredMessage& message, Sync sync) {
  if (const UniqueFd file = queue.store().try_open(message.at)) {
    remove_reason(queue.sys(), file.get());
  }
  MessageName name = unclaimed(message.name);
  name.attempts = 0;
  // Whoever retries an expired message wants it delivered all the same.
  if (name.expires && *name.expires <= queue.now()) name.expires.reset();
  if (!queue.store().move(message.at, {State::ready, name, {}})) return false;
  if (sync == Sync::durable) queue.store().sync({State::ready, State::failed});
  return true;
}

bool remove(OpenQueue& queue, const StoredMessage& message, Sync sync) {
  drop_other_names(queue, message);
  std::optional<StoredMessage> seized;
  if (!message.is_named) {
    seized = seize_foreign(queue, message);
    if (!seized) return false;
  }
  const StoredMessage& held = seized ? *seized : message;
  try {
    if (!queue.store().remove(held.at)) return false;
  } catch (const Error& error) {
    try {
      if (seized) put_back(queue, *seized, message.at);
    } catch (const Error&) {
      // The reaper puts it back as soon as its owner is gone.
      queue.drop_mover();
    }
    throw Error{error.code(), error.operation(), queue.store().path(message.at), error.detail()};
  }
  if (sync == Sync::durable) queue.store().sync({held.at.state()});
  return true;
}

bool make_due(OpenQueue& queue, const StoredMessage& message) {
  if (message.name.expires && *message.name.expires <= queue.now()) return expire(queue, message);
  return queue.store().move(message.at, {State::ready, unclaimed(message.name), {}}).has_value();
}

bool expire(OpenQueue& queue, const StoredMessage& message) {
  Reason reason = last_reason(queue, message);
  // Another one that was here first may have noted it and not moved the message yet.
  if (!reason.text.ends_with(kExpired)) {
    reason.text += (reason.text.empty() ? "" : "; ") + std::string{kExpired};
  }
  if (!move_to_failed(queue, message, reason)) return false;
  queue.store().sync({State::failed, message.at.state()});
  return true;
}

std::optional<State> take_back(OpenQueue& queue, const StoredMessage& message,
                               const std::string& why) {
  if (!message.name.return_to.empty()) return release_move(queue, message);
  if (const auto end = end_of(queue, message.name)) {
    if (!move_to_failed(queue, message, because(fmt::format("{}; {}", *end, why)))) {
      return std::nullopt;
    }
    return State::failed;
  }
  if (!queue.store().move(message.at, {State::ready, unclaimed(message.name), {}})) {
    return std::nullopt;
  }
  return State::ready;
}

std::optional<StoredMessage> claim_for_move(OpenQueue& queue, const StoredMessage& message,
                                            const std::string& claim) {
  MessageName name = unclaimed(message.name);
  name.claim = claim;
  name.return_to = return_of(message);
  return queue.store().move(message.at, {State::claimed, std::move(name), {}});
}

std::optional<State> release_move(OpenQueue& queue, const StoredMessage& message) {
  const Destination destination = destination_of_return(message.name);
  if (!queue.store().move(message.at, destination)) return std::nullopt;
  return destination.state;
}

void put_back(OpenQueue& queue, const StoredMessage& seized, const Location& before) {
  // Only without replacing: the name may be another file's by now.
  if (!queue.store().put_back(seized.at, before)) static_cast<void>(release_move(queue, seized));
}

}  // namespace spoolq::detail
