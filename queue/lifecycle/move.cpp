// A message keeps its name and its state. On one file system the move is a rename, then the
// target's folder is synced, then the source's. A foreign file is claimed first, and its writers
// are asked for once more. Between file systems it is a copy:
//
// 1. The message is claimed, whatever its state (see move_claim), so that no other process takes,
//    moves or changes it. So is one that its consumer hands over: no lease ends a claim for a move.
// 2. It is put into the target, durably, as any message is.
// 3. It is removed from the source, durably.
//
// A mover that dies between 2 and 3 leaves it in both queues. A published copy is never taken back,
// so the message is always in one of them. The next mover finds that copy by name, size and
// content.
#include "queue/lifecycle/move.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <functional>
#include <optional>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/move_claim.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/lifecycle/put.hpp"
#include "queue/os/checksum.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/limits.hpp"
#include "queue/store/payload.hpp"

namespace spoolq::detail {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

/// Whether a message is one that its consumer has claimed.
bool is_in_work(const StoredMessage& message) {
  return message.at.state() == State::claimed && message.name.return_to.empty();
}

Destination destination_of(const StoredMessage& message) {
  Destination destination{message.at.state(), message.name, message.due};
  destination.name.return_to.clear();
  return destination;
}

/// Whether an earlier move has published its copy: a file with the name, the size and the content.
/// It is on disk then. Where that cannot be found out, a second copy would double the message.
bool is_there(OpenQueue& queue, const Destination& destination) {
  Sys& sys = queue.sys();
  const Location at = Store::place(destination.state, destination.file());
  const std::string path = queue.store().path(at);
  UniqueFd file;
  try {
    file = queue.store().open(at);
  } catch (const Error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return false;
    if (error.code() == std::errc::too_many_symbolic_link_levels) return false;
    throw;
  }
  const struct stat status = stat_file(queue.sys(), file.get(), path);
  if (!S_ISREG(status.st_mode) ||
      static_cast<std::uint64_t>(status.st_size) != destination.name.size) {
    return false;
  }
  Checksum checksum;
  read_all(sys, file.get(), path, [&](std::string_view bytes) { checksum.update(bytes); });
  if (checksum.value() != destination.name.checksum) return false;
  queue.durability().sync_file(file.get(), path);
  queue.store().sync({destination.state});
  return true;
}

UniqueFd open_claimed(OpenQueue& source, const StoredMessage& held) {
  try {
    return source.store().open(held.at);
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    throw_errc(errc::claim_lost, "move", source.store().path(held.at));
  }
}

[[noreturn]] void set_aside(OpenQueue& source, const StoredMessage& held, const std::string& why) {
  const std::string path = source.store().path(held.at);
  if (source.store().has_writer(held.at) == true) {
    throw_errc(errc::damaged, "move", path, why + "; still being written");
  }
  source.store().quarantine(held.at, why);
  throw_errc(errc::damaged, "move", path, why + "; it is in bad/ now");
}

/// Puts a copy of a claimed message, which was `before`, into the target, unless an earlier mover
/// has done so.
void copy_claimed(OpenQueue& source, const StoredMessage& held, OpenQueue& target,
                  const Destination& destination, const StoredMessage& before) {
  PayloadReader reader{open_claimed(source, held), held};
  const std::string path = source.store().path(held.at);
  const auto size =
      static_cast<std::uint64_t>(stat_file(source.sys(), reader.descriptor(), path).st_size);
  PendingMessage copy{target, destination, size};
  copy_attributes(source.sys(), reader.descriptor(), target.sys(), copy.descriptor(), path);
  if (is_in_work(before)) remove_reason(target.sys(), copy.descriptor());
  const std::string whole =
      !before.is_named
          ? before.at.file()
          : get_whole_name(source.sys(), reader.descriptor()).value_or(held.name.original);
  if (copy.destination().name.original != whole)
    set_whole_name(target.sys(), copy.descriptor(), whole);
  std::array<std::byte, kBufferSize> buffer;
  while (const std::size_t count = reader.read(source.sys(), buffer, path)) {
    copy.write({reinterpret_cast<const char*>(buffer.data()), count});
  }
  if (const auto mismatch = reader.mismatch()) set_aside(source, held, *mismatch);
  if (!is_there(target, copy.destination())) copy.publish();
}

void move_by_copy(OpenQueue& source, MoveClaim& claim, OpenQueue& target,
                  const Destination& destination, const StoredMessage& before) {
  const StoredMessage held = claim.message();
  copy_claimed(source, held, target, destination, before);
  if (claim.remove(Sync::durable)) return;
  throw_errc(errc::claim_lost, "move", source.store().path(held.at),
             fmt::format("its copy is in {} as well", target.path()));
}

/// False when it is gone. Throws EXDEV, with nothing done, when the queues are not on one mount.
bool move_by_rename(OpenQueue& source, const StoredMessage& message, OpenQueue& target,
                    const Destination& destination, Sync sync) {
  const UniqueFd file = source.store().open(message.at);
  const std::string path = source.store().path(message.at);
  const struct stat status = stat_file(source.sys(), file.get(), path);
  if (!S_ISREG(status.st_mode)) {
    source.store().quarantine_unless_regular(message.at);
    return false;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  require_max_size(target, size);
  Allowance allowance{target, size};
  if (message.at.state() == State::claimed && !is_in_work(message)) {
    // Its writer may not have synced it, and no consumer does where it goes.
    source.durability().sync_file(file.get(), path);
  }
  const auto moved = source.store().move(message.at, target.store(), destination);
  if (!moved) return false;
  allowance.publish();
  if (is_in_work(message)) remove_reason(source.sys(), file.get());
  // Those who may read the target may be others; somebody else's file keeps its mode.
  static_cast<void>(source.sys().fchmod(file.get(), target.settings()->file_mode()));
  if (sync != Sync::durable) return true;
  try {
    target.store().sync({destination.state});
    source.store().sync({message.at.state()});
  } catch (const Error&) {
    throw_errc(errc::indeterminate, "move", target.store().path(moved->at));
  }
  return true;
}

enum class Renamed { yes, gone, other_mount };

Renamed try_rename(OpenQueue& source, const StoredMessage& message, OpenQueue& target,
                   const Destination& destination, Sync sync) {
  try {
    const bool moved = move_by_rename(source, message, target, destination, sync);
    return moved ? Renamed::yes : Renamed::gone;
  } catch (const Error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return Renamed::gone;
    if (error.code() != std::errc::cross_device_link) throw;
    return Renamed::other_mount;
  }
}

void prepare(OpenQueue& source, OpenQueue& target) {
  source.folders().require_different(source.sys(), target.folders(), "move into");
  target.durability().require_sound(target.path());
  target.refresh_settings();
}

}  // namespace

bool move_message(OpenQueue& source, const StoredMessage& message, OpenQueue& target, Sync sync) {
  prepare(source, target);
  if (is_foreign(message) && !is_complete(source, message)) {
    throw_errno(EAGAIN, "move", source.store().path(message.at), "it may still be being written");
  }
  // What stays here under another name would be delivered twice.
  if (drop_other_names(source, message)) return false;
  const Destination destination = destination_of(message);
  std::optional<MoveClaim> claim;
  if (is_foreign(message)) {
    claim.emplace(source, message);
    if (claim->gone()) return false;
  }
  const Renamed renamed =
      try_rename(source, claim ? claim->message() : message, target, destination, sync);
  if (renamed != Renamed::other_mount) {
    if (claim) claim->leave();
    return renamed == Renamed::yes;
  }
  if (!claim) claim.emplace(source, message);
  if (claim->gone()) return false;
  move_by_copy(source, *claim, target, destination, message);
  return true;
}

void hand_over(OpenQueue& source, const StoredMessage& message, OpenQueue& target) {
  prepare(source, target);
  Destination destination{State::ready, message.name, {}};
  destination.name.claim.clear();
  destination.name.lease_until.reset();
  destination.name.attempts = 0;
  if (drop_other_names(source, message)) {
    throw_errno(EAGAIN, "move", source.store().path(message.at),
                "it is claimed under another name");
  }
  const Renamed renamed = try_rename(source, message, target, destination, Sync::durable);
  if (renamed == Renamed::yes) return;
  if (renamed == Renamed::gone) {
    throw_errc(errc::claim_lost, "move", source.store().path(message.at));
  }
  MoveClaim claim{source, message};
  if (claim.gone()) {
    throw_errc(errc::claim_lost, "move", source.store().path(message.at));
  }
  move_by_copy(source, claim, target, destination, message);
}

}  // namespace spoolq::detail
