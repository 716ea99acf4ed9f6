// Claims that are not for work.
#include "queue/lifecycle/move_claim.hpp"

#include <fmt/core.h>

#include <cerrno>
#include <utility>

#include "queue/format/attributes.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/rename.hpp"

namespace spoolq::detail {

bool is_foreign(const StoredMessage& message) {
  return message.folder == Folder::ready && !message.name.size;
}

bool is_complete(OpenQueue& queue, const StoredMessage& message) {
  if (!parse_name(message.file)) return is_settled(queue, message.file);
  return has_writer(queue, message.folder, message.file) != true;
}

MoveClaim::MoveClaim(OpenQueue& queue, const StoredMessage& message)
    : queue_{queue}, mover_{queue.mover()}, folder_{message.folder}, file_{message.file} {
  message_ = claim_for_move(queue_, message, mover_->next_claim());
  if (!message_) return;
  try {
    inspect();
    if (message_ && is_foreign(message)) inspect_foreign();
  } catch (...) {
    release();
    throw;
  }
}

/// Keeps regular files only. Under its new name no other process finds it.
void MoveClaim::inspect() {
  const std::string& file = message_->file;
  struct stat status = {};
  const auto found = queue_.sys().fstatat(queue_.fd(Folder::claimed), file.c_str(), status);
  if (!found.ok() && found.error() != ENOENT) {
    throw_errno(found.error(), "stat", queue_.path(Folder::claimed, file));
  }
  if (found.ok() && S_ISREG(status.st_mode)) return;
  if (found.ok() && S_ISDIR(status.st_mode)) {
    release();
    return;
  }
  if (found.ok()) quarantine(queue_, Folder::claimed, file, "not a regular file");
  message_.reset();
}

void MoveClaim::inspect_foreign() {
  const std::string& file = message_->file;
  // A writer may have opened it between the last look and the claim.
  if (has_writer(queue_, Folder::claimed, file) == true) {
    throw_errno(EAGAIN, "move", queue_.path(folder_, file_), "its writer has it open again");
  }
  if (parse_name(file_)) return;
  // Another file may have got the name since the message was looked up.
  const auto name = derive_name(queue_, Folder::claimed, file, file_);
  if (!name || name->id != message_->name.id) {
    release();
    return;
  }
  if (message_->name.original == file_) return;
  const UniqueFd fd = open_message(queue_, Folder::claimed, file);
  set_whole_name(queue_.sys(), fd.get(), file_);
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
    put_back(queue_, held, {folder_, file_, {}});
  } catch (const std::exception& error) {
    // The reaper releases it as soon as its owner is gone.
    queue_.drop_mover();
    queue_.log(LogLevel::warning,
               fmt::format("{} is put back later: {}", held.name.id.to_string(), error.what()));
  }
}

}  // namespace spoolq::detail
