// Claims that are not for work.
#include "queue/lifecycle/move_claim.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <utility>

#include "queue/format/attributes.hpp"
#include "queue/os/throw_error.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::detail {

bool is_foreign(const StoredMessage& message) {
  return message.at.state() == State::ready && !message.name.size;
}

bool is_complete(OpenQueue& queue, const StoredMessage& message) {
  if (!message.is_named) return queue.store().is_settled(message.at);
  return queue.store().has_writer(message.at) != true;
}

MoveClaim::MoveClaim(OpenQueue& queue, const StoredMessage& message)
    : queue_{queue}, mover_{queue.mover()}, before_{message.at} {
  message_ = claim_for_move(queue_, message, mover_->next_claim());
  if (!message_) return;
  try {
    inspect();
    if (message_ && is_foreign(message)) inspect_foreign(message);
  } catch (...) {
    release();
    throw;
  }
}

/// Keeps regular files only. Under its new name no other process finds it.
void MoveClaim::inspect() {
  Store& store = queue_.store();
  struct stat status = {};
  const auto found = store.stat(message_->at, status);
  if (!found.ok() && found.error() != ENOENT) {
    throw_errno(found.error(), "stat", store.path(message_->at));
  }
  if (found.ok() && S_ISREG(status.st_mode)) return;
  if (found.ok() && S_ISDIR(status.st_mode)) {
    release();
    return;
  }
  if (found.ok()) store.quarantine(message_->at, "not a regular file");
  message_.reset();
}

void MoveClaim::inspect_foreign(const StoredMessage& before) {
  const Store& store = queue_.store();
  // A writer may have opened it between the last look and the claim.
  if (store.has_writer(message_->at) == true) {
    throw_errno(EAGAIN, "move", store.path(before.at), "its writer has it open again");
  }
  if (before.is_named) return;
  // Another file may have got the name since the message was looked up.
  const std::string& file = before.at.file();
  const auto name = store.derive_name(message_->at, file);
  if (!name || name->id != message_->name.id) {
    release();
    return;
  }
  if (message_->name.original == file) return;
  set_whole_name(queue_.sys(), store.open(message_->at).get(), file);
}

bool MoveClaim::remove(Sync sync) {
  const bool removed = detail::remove(queue_, *message_, sync);
  message_.reset();
  return removed;
}

void MoveClaim::release() noexcept {
  if (!message_ || process_.foreign()) return;
  const StoredMessage held = *std::exchange(message_, std::nullopt);
  try {
    put_back(queue_, held, before_);
  } catch (const std::exception& error) {
    // The reaper releases it as soon as its owner is gone.
    queue_.drop_mover();
    queue_.log(LogLevel::warning,
               fmt::format("{} is put back later: {}", held.name.id, error.what()));
  }
}

}  // namespace spoolq::detail
