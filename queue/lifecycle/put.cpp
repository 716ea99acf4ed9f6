// Putting a message, after docs/format.md, "Writing a message":
//
// 1. Create the file in tmp/, lock it, see that it was not swept in between.
// 2. Write the payload and set the headers.
// 3. fsync the file. A failure condemns the file and the handle; it is never tried again, because
//    the kernel may have dropped the pages and would call the second fsync a success.
// 4. Rename it into new/ or later/, never over another message.
// 5. fsync that folder, then fstat it.
#include "queue/lifecycle/put.hpp"

#include <fmt/core.h>

#include <limits>
#include <utility>

#include "queue/format/attributes.hpp"
#include "queue/format/message_id.hpp"
#include "queue/os/files.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/space.hpp"

namespace spoolq::detail {
namespace {

/// While a message is written, the free space is looked at again this often.
constexpr std::uint64_t kSpaceInterval = std::uint64_t{8} << 20;

void require_text(std::string_view option, const std::string& text) {
  if (text.find('\0') != std::string::npos) {
    throw_errc(errc::bad_value, "put with", std::string{option}, "it has a NUL byte");
  }
}

/// `span` from now. Throws errc::bad_value for a time that a name has no room for.
Time time_after(Time now, Duration span, std::string_view option) {
  if (span < Duration{0} || span > kDueMax - now) {
    throw_errc(errc::bad_value, "put with", option, "a time from now to the year 2286");
  }
  return now + span;
}

MessageName name_of(const PutOptions& options, Time now) {
  if (options.priority < 0 || options.priority > 9) {
    throw_errc(errc::bad_value, "put with", fmt::format("priority {}", options.priority),
               "a priority is 0 (first) to 9");
  }
  require_text("key", options.key);
  require_text("type", options.type);
  require_text("name", options.name);
  MessageName name;
  name.priority = options.priority;
  name.id = process_message_ids().next(now);
  if (options.time_to_live) {
    name.expires = time_after(now, *options.time_to_live, "time to live");
  }
  name.key = options.key;
  name.type = options.type;
  name.original = options.name;
  return name;
}

/// The time before which a message is not delivered, when it is not now.
std::optional<Time> due_of(const PutOptions& options, Time now) {
  if (options.due ? *options.due <= now : options.delay <= Duration{0}) return std::nullopt;
  return time_after(now, options.due ? *options.due - now : options.delay, "delay");
}

/// Shortens N until the name fits, counting the longest S and H it may get.
void fit_for_put(MessageName& name) {
  MessageName longest = name;
  longest.size = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  longest.checksum = 0;
  if (!fit_name(longest)) {
    throw_errc(errc::bad_value, "put with", "key and type",
               fmt::format("together they are {} bytes too long for a file name",
                           name_size_at_put(longest) - kOwnNameMax));
  }
  name.original = longest.original;
}

Destination destination_of(OpenQueue& queue, const PutOptions& options) {
  queue.require_own_process("put into");
  require_valid_headers(options.headers);
  const Time now = queue.now();
  const auto due = due_of(options, now);
  MessageName name = name_of(options, now);
  if (name.expires && *name.expires <= due.value_or(now)) {
    throw_errc(errc::bad_value, "put with", "time to live", "it would be over before delivery");
  }
  return {due ? State::delayed : State::ready, std::move(name), due};
}

/// The destination with a name that fits, in a state that the queue has a folder for: a Maildir has
/// no later/ and no failed/.
Destination fitted(OpenQueue& queue, Destination destination) {
  fit_for_put(destination.name);
  queue.store().require(destination.state);
  return destination;
}

/// The queue, looked at before anything is written to it.
OpenQueue& prepared(OpenQueue& queue, std::uint64_t size) {
  queue.require_own_process("put into");
  queue.durability().require_sound(queue.path());
  queue.refresh_settings();
  require_max_size(queue, size);
  require_space(queue, size);
  return queue;
}

}  // namespace

PendingMessage::PendingMessage(OpenQueue& queue, const PutOptions& options,
                               std::optional<std::uint64_t> size)
    : PendingMessage{queue, destination_of(queue, options), Id::fresh, options.sync,
                     size.value_or(0)} {
  // The object is made: what throws here ends in the destructor, which removes the file.
  if (destination_.name.original != options.name) {
    set_whole_name(queue_.sys(), descriptor(), options.name);
  }
  set_headers(queue_.sys(), descriptor(), options.headers, draft_.path());
}

PendingMessage::PendingMessage(OpenQueue& queue, Destination destination, std::uint64_t size)
    : PendingMessage{queue, std::move(destination), Id::copied, Sync::durable, size} {}

PendingMessage::PendingMessage(OpenQueue& queue, Destination destination, Id id, Sync sync,
                               std::uint64_t size)
    : queue_{prepared(queue, size)},
      sync_{sync},
      destination_{fitted(queue, std::move(destination))},
      allowance_{queue, size},
      // Step 1. A copy gets an id of its own here.
      draft_{queue, destination_.name.priority,
             id == Id::fresh ? std::optional{destination_.name.id} : std::nullopt} {}

void PendingMessage::write(std::string_view bytes) {
  // Step 2.
  if (!draft_.is_there()) throw_errc(errc::condemned, "write", queue_.path());
  const std::uint64_t size = size_ + bytes.size();
  try {
    require_max_size(queue_, size);
    allowance_.grow_to(size);
    if (size / kSpaceInterval != size_ / kSpaceInterval) require_space(queue_, bytes.size());
    write_all(queue_.sys(), draft_.descriptor(), bytes, draft_.path());
  } catch (...) {
    draft_.drop();
    throw;
  }
  checksum_.update(bytes);
  size_ = size;
}

const Destination& PendingMessage::destination() {
  destination_.name.size = size_;
  destination_.name.checksum = checksum_.value();
  return destination_;
}

void PendingMessage::sync_file() {
  queue_.durability().require_sound(queue_.path());
  // Step 3.
  queue_.durability().sync_file(draft_.descriptor(), draft_.path());
}

std::string PendingMessage::stage(int directory) {
  try {
    sync_file();
    std::string file = destination().file();
    draft_.stage(directory, file);
    return file;
  } catch (...) {
    draft_.drop();
    throw;
  }
}

Location PendingMessage::publish() {
  if (!draft_.is_there()) throw_errc(errc::condemned, "publish", queue_.path());
  Location published;
  try {
    if (sync_ == Sync::durable) sync_file();
    // Step 4. A put on a full disk is refused: the ballast is for what is already in the queue.
    published = draft_.publish(destination(), Ballast::keep).at;
  } catch (...) {
    draft_.drop();
    throw;
  }
  allowance_.publish();
  if (sync_ != Sync::durable) return published;
  // Step 5.
  try {
    queue_.store().sync({destination_.state});
  } catch (const Error&) {
    // Taken back, so that the caller may put it again. A consumer that has claimed it keeps it.
    if (queue_.store().try_remove(published)) throw;
    throw_errc(errc::indeterminate, "put", queue_.store().path(published));
  }
  return published;
}

}  // namespace spoolq::detail
