// A message keeps its name and its state. On one file system the move is a rename, then the
// target's folder is synced, then the source's. Between file systems it is a copy:
//
// 1. A ready message is claimed, by a consumer of the source that lives as long as the copying, so
//    that nobody takes it meanwhile. Another one stays where it is.
// 2. It is put into the target, durably, as any message is.
// 3. It is removed from the source, durably.
//
// Whoever dies between 2 and 3 leaves it in both: it is delivered at most once more, and never
// lost.
#include "queue/move.hpp"

#include <fmt/core.h>

#include <array>
#include <cerrno>
#include <optional>

#include "queue/attributes.hpp"
#include "queue/limits.hpp"
#include "queue/liveness.hpp"
#include "queue/payload.hpp"
#include "queue/put.hpp"
#include "queue/rename.hpp"
#include "queue/second_names.hpp"
#include "queue/strangers.hpp"
#include "queue/throw_error.hpp"

namespace spoolq::detail {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} * 1024;

struct stat status_of(OpenQueue& queue, int fd, const std::string& path) {
  struct stat status = {};
  if (const auto result = queue.sys().fstat(fd, status); !result.ok()) {
    throw_errno(result.error(), "stat", path);
  }
  return status;
}

bool is_same(const struct stat& one, const struct stat& two) {
  return one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

void require_two_queues(OpenQueue& source, OpenQueue& target) {
  const struct stat one = status_of(source, source.folders().root(), source.path());
  const struct stat two = status_of(target, target.folders().root(), target.path());
  if (is_same(one, two)) {
    throw_errc(errc::bad_value, "move into", target.path(), "it is the same queue");
  }
  const struct stat from = status_of(source, source.fd(Folder::ready), source.path());
  const struct stat to = status_of(target, target.fd(Folder::ready), target.path());
  if (is_same(from, to)) {
    throw_errc(errc::bad_value, "move into", target.path(), "it has the same inbox");
  }
}

bool is_stranger(const StoredMessage& message) {
  return message.folder == Folder::ready && !parse_name(message.file);
}

/// What it is called, also where the name of a message has no room for all of that.
std::string whole_name(Sys& sys, int fd, const StoredMessage& message) {
  if (is_stranger(message)) return message.file;
  return get_whole_name(sys, fd).value_or(message.name.original);
}

Destination destination_of(const StoredMessage& message) {
  Destination destination{message.folder, message.name, {}};
  if (message.folder == Folder::later) {
    if (const auto delayed = parse_delayed_name(message.file)) destination.due = delayed->due;
  }
  return destination;
}

/// The message that is copied. A ready one is claimed as long as this lives, and given back under
/// its old name unless it was removed.
class Source {
 public:
  Source(OpenQueue& queue, StoredMessage message)
      : queue_{queue}, original_{message}, message_{std::move(message)} {
    if (message_.folder != Folder::ready) return;
    registration_.emplace(queue_);
    MessageName name = message_.name;
    name.claim = registration_->consumer() + ".1";
    auto file = rename_message(queue_, Folder::ready, message_.file, {Folder::claimed, name, {}});
    gone_ = !file;
    if (gone_) return;
    message_ = {Folder::claimed, std::move(*file), name};
  }
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  ~Source() {
    if (gone_ || message_.folder != Folder::claimed) return;
    const SysResult renamed =
        rename_new(queue_.sys(), queue_.fd(Folder::claimed), message_.file.c_str(),
                   queue_.fd(Folder::ready), original_.file.c_str());
    if (renamed.ok() || renamed.error() == ENOENT) return;
    // Nobody has it, and it is nobody's once the registration ends: the reaper gives it back.
    queue_.log(LogLevel::warning, fmt::format("{} was not moved, and is given back later",
                                              original_.name.id.to_string()));
  }

  [[nodiscard]] bool gone() const { return gone_; }
  /// As it is called now.
  [[nodiscard]] const StoredMessage& message() const { return message_; }
  /// Removes it for good. False when somebody else has done something with it.
  bool remove() {
    gone_ = true;
    return detail::remove(queue_, message_);
  }

 private:
  OpenQueue& queue_;
  StoredMessage original_;
  StoredMessage message_;
  std::optional<Registration> registration_;
  bool gone_ = false;
};

void copy_payload(OpenQueue& queue, const StoredMessage& message, PayloadReader& reader,
                  PendingMessage& copy) {
  const std::string path = queue.path(message.folder, message.file);
  std::array<std::byte, kBufferSize> buffer;
  while (const std::size_t size = reader.read(queue.sys(), buffer, path)) {
    copy.write({reinterpret_cast<const char*>(buffer.data()), size});
  }
}

/// Whether an earlier move got as far as publishing the copy. Where that cannot be found out, a
/// second copy would double the message.
bool is_there(OpenQueue& queue, const Destination& destination, std::uint64_t size) {
  const std::string file = destination.file();
  struct stat status = {};
  const auto found = queue.sys().fstatat(queue.fd(destination.folder), file.c_str(), status);
  if (found.error() == ENOENT) return false;
  if (!found.ok()) throw_errno(found.error(), "stat", queue.path(destination.folder, file));
  return static_cast<std::uint64_t>(status.st_size) == size;
}

/// Takes back a copy whose original turned out to be somebody else's by now.
void take_back_copy(OpenQueue& target, Folder folder, const std::string& file) {
  if (!target.sys().unlinkat(target.fd(folder), file.c_str()).ok()) return;
  target.durability().sync_changed({folder});
}

bool move_by_copy(OpenQueue& queue, const StoredMessage& message, OpenQueue& target,
                  const Destination& destination) {
  Source source{queue, message};
  if (source.gone()) return false;
  const StoredMessage& held = source.message();
  PayloadReader reader{open_message(queue, held.folder, held.file), held};
  const std::string path = queue.path(held.folder, held.file);
  const auto size = static_cast<std::uint64_t>(status_of(queue, reader.fd(), path).st_size);
  std::string published;
  const Folder folder = destination.folder;
  {
    PendingMessage copy{target, destination, size};
    copy_attributes(queue.sys(), reader.fd(), target.sys(), copy.fd(), path);
    if (message.folder == Folder::claimed) remove_reason(target.sys(), copy.fd());
    const std::string whole = whole_name(queue.sys(), reader.fd(), message);
    if (copy.destination().name.original != whole) {
      set_whole_name(target.sys(), copy.fd(), whole);
    }
    copy_payload(queue, held, reader, copy);
    if (const auto mismatch = reader.mismatch()) {
      if (has_writer(queue, held.folder, held.file) == true) {
        throw_errc(errc::damaged, "move", path, *mismatch + "; still being written");
      }
      quarantine(queue, held.folder, held.file, *mismatch);
      throw_errc(errc::damaged, "move", path, *mismatch + "; it is in bad/ now");
    }
    if (is_there(target, copy.destination(), size)) {
      published = copy.destination().file();
      target.durability().sync_changed({folder});
    } else {
      published = copy.publish();
    }
  }
  if (source.remove()) return true;
  take_back_copy(target, folder, published);
  return false;
}

/// False when it is gone. Throws EXDEV, with nothing done, when the queues are not on one mount.
bool move_by_rename(OpenQueue& source, const StoredMessage& message, OpenQueue& target,
                    const Destination& destination, Sync sync) {
  const UniqueFd file = open_message(source, message.folder, message.file);
  const std::string path = source.path(message.folder, message.file);
  const struct stat status = status_of(source, file.get(), path);
  if (!S_ISREG(status.st_mode)) {
    quarantine(source, message.folder, message.file, "not a regular file");
    return false;
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  require_max_size(target, size);
  Allowance allowance{target, size};
  if (is_stranger(message)) {
    if (message.name.original != message.file) {
      set_whole_name(source.sys(), file.get(), message.file);
    }
    // Its writer may not have synced it, and where it goes nobody would.
    if (const auto synced = source.sys().fsync(file.get()); !synced.ok()) {
      source.durability().condemn();
      throw_errno(synced.error(), "fsync", path);
    }
  }
  const auto moved = rename_message(source, message.folder, message.file, target, destination);
  if (!moved) return false;
  allowance.publish();
  if (message.folder == Folder::claimed) remove_reason(source.sys(), file.get());
  // Those who may read the target may be others; somebody else's file keeps its mode.
  static_cast<void>(source.sys().fchmod(file.get(), target.settings()->file_mode()));
  if (sync != Sync::durable) return true;
  try {
    target.durability().sync_changed({destination.folder});
    source.durability().sync_changed({message.folder});
  } catch (const Error&) {
    throw_errc(errc::indeterminate, "move", target.path(destination.folder, *moved));
  }
  return true;
}

bool move_to(OpenQueue& source, const StoredMessage& message, OpenQueue& target,
             const Destination& destination, Sync sync) {
  // What stays here under another name would be delivered twice.
  if (drop_other_names(source, message)) return false;
  try {
    return move_by_rename(source, message, target, destination, sync);
  } catch (const Error& error) {
    if (error.code() == std::errc::no_such_file_or_directory) return false;
    if (error.code() != std::errc::cross_device_link) throw;
  }
  return move_by_copy(source, message, target, destination);
}

void prepare(OpenQueue& source, OpenQueue& target) {
  require_two_queues(source, target);
  target.durability().require_sound(target.path());
  target.refresh_settings();
}

}  // namespace

bool move_message(OpenQueue& source, const StoredMessage& message, OpenQueue& target, Sync sync) {
  prepare(source, target);
  if (is_stranger(message) && !is_settled(source, message.file)) {
    throw_errno(EAGAIN, "move", source.path(message.folder, message.file),
                "it may still be being written");
  }
  return move_to(source, message, target, destination_of(message), sync);
}

void hand_over(OpenQueue& source, const StoredMessage& message, OpenQueue& target) {
  prepare(source, target);
  Destination destination{Folder::ready, message.name, {}};
  destination.name.claim.clear();
  destination.name.lease_until.reset();
  destination.name.attempts = 0;
  if (move_to(source, message, target, destination, Sync::durable)) return;
  throw_errc(errc::claim_lost, "move", source.path(message.folder, message.file));
}

}  // namespace spoolq::detail
