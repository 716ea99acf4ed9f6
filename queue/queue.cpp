// The public face of a queue: each member checks the process and calls the function that does it.
#include "spoolq/queue.hpp"

#include <fmt/core.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <system_error>

#include "queue/format/attributes.hpp"
#include "queue/format/message_name.hpp"
#include "queue/lifecycle/detached_claims.hpp"
#include "queue/lifecycle/move.hpp"
#include "queue/lifecycle/move_claim.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/lifecycle/transitions.hpp"
#include "queue/maintenance/cleanup.hpp"
#include "queue/maintenance/due.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/draft.hpp"
#include "queue/store/durability.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/pause.hpp"
#include "queue/store/payload.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {
namespace {

namespace fs = boost::filesystem;

detail::OpenQueue& own(const std::shared_ptr<detail::OpenQueue>& open, const char* operation) {
  open->require_own_process(operation);
  return *open;
}

/// The same for what would take or destroy somebody's mail.
detail::OpenQueue& own_queue(const std::shared_ptr<detail::OpenQueue>& open,
                             const char* operation) {
  detail::OpenQueue& queue = own(open, operation);
  if (queue.is_maildir()) {
    detail::throw_errc(errc::not_a_queue, operation, queue.path(),
                       fmt::format("a Maildir; 'spoolq init {}' makes it a queue", queue.path()));
  }
  return queue;
}

[[noreturn]] void moved_on(const char* operation, const MessageInfo& message) {
  detail::throw_errc(errc::no_such_message, operation, message.path, "it has moved on");
}

void require_unclaimed(const char* operation, const MessageInfo& message) {
  if (message.state != State::claimed) return;
  detail::throw_errc(errc::claim_owned, operation, message.path, "it is claimed");
}

/// The message with the name that it keeps elsewhere. That of a foreign file is derived from its
/// status.
detail::StoredMessage locate_to_move(detail::OpenQueue& queue, const MessageInfo& message) {
  detail::StoredMessage stored = detail::locate(queue, message);
  if (stored.name.id == message.id) return stored;
  moved_on("move", message);
}

/// Opens a message's file. Throws errc::no_such_message when the message has moved on.
detail::UniqueFd open_file(detail::OpenQueue& queue, const MessageInfo& message) {
  try {
    return queue.store().open(detail::locate(queue, message).at);
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory) throw;
    moved_on("open", message);
  }
}

void remove_message(detail::OpenQueue& queue, const MessageInfo& message, Sync sync) {
  const detail::StoredMessage stored = detail::locate(queue, message);
  const bool is_same = stored.name.id == message.id;
  if (!is_same || !detail::remove(queue, stored, sync)) moved_on("remove", message);
}

/// Makes the folders above a queue, each durable before the next.
void make_parents(const fs::path& parent) {
  if (fs::exists(parent)) return;
  make_parents(parent.parent_path());
  boost::system::error_code error;
  fs::create_directory(parent, error);
  if (error) detail::throw_errno(error.value(), "mkdir", parent.string());
  detail::Sys& sys = detail::real_sys();
  const auto grandparent =
      detail::open_directory(sys, detail::canonical_path(parent.parent_path().string()));
  detail::sync_foreign_directory(sys, grandparent.get(), parent.parent_path().string());
}

/// The absolute path of a queue that may not exist yet, without links and dots, its parent made.
std::string path_to_make(const std::string& path) {
  const fs::path given{path};
  fs::path absolute = (given.is_absolute() ? given : fs::absolute(given)).lexically_normal();
  if (absolute.filename() == "." || absolute.filename().empty()) absolute = absolute.parent_path();
  if (fs::exists(absolute)) return detail::canonical_path(absolute.string());
  make_parents(absolute.parent_path());
  return (fs::path{detail::canonical_path(absolute.parent_path().string())} / absolute.filename())
      .string();
}

/// `inbox` is canonical, or empty.
Queue init_queue(const std::filesystem::path& path, const std::string& inbox,
                 const std::vector<SettingChange>& settings, LogHandler log) {
  static_cast<void>(detail::change_settings(detail::Settings{}, settings));
  try {
    detail::init_queue(detail::real_sys(), path_to_make(path.string()), settings, inbox);
  } catch (const fs::filesystem_error& error) {
    detail::throw_errno(error.code().value(), "make", path.string());
  }
  Queue queue = Queue::open(path, std::move(log));
  const detail::OpenQueue& open = *detail::QueueAccess::open(queue);
  const auto type = open.folders().file_system().type;
  if (type == TMPFS_MAGIC || type == RAMFS_MAGIC) {
    open.log(LogLevel::warning, "it is in memory: what is put here does not survive the machine");
  }
  return queue;
}

}  // namespace

class MoveOut::Impl {
 public:
  Impl(std::shared_ptr<detail::OpenQueue> queue, const detail::StoredMessage& message)
      : queue_{std::move(queue)}, claim_{*queue_, message} {
    if (claim_.gone()) {
      detail::throw_errc(errc::no_such_message, "move", queue_->store().path(message.at),
                         "it has moved on");
    }
    info_ = detail::describe(*queue_, State::claimed, claim_.message());
  }
  [[nodiscard]] const MessageInfo& info() const { return info_; }
  void remove(Sync sync) {
    queue_->require_own_process("remove from");
    if (claim_.gone() || !claim_.remove(sync)) {
      detail::throw_errc(errc::claim_lost, "remove", info_.path);
    }
  }

 private:
  std::shared_ptr<detail::OpenQueue> queue_;
  detail::MoveClaim claim_;
  MessageInfo info_;
};

MoveOut::MoveOut(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
MoveOut::MoveOut(MoveOut&&) noexcept = default;
MoveOut& MoveOut::operator=(MoveOut&&) noexcept = default;
MoveOut::~MoveOut() = default;

const MessageInfo& MoveOut::info() const { return impl_->info(); }
void MoveOut::remove(Sync sync) { impl_->remove(sync); }

Queue Queue::init(const std::filesystem::path& path, const std::vector<SettingChange>& settings,
                  LogHandler log) {
  return init_queue(path, {}, settings, std::move(log));
}

Queue Queue::init_with_inbox(const std::filesystem::path& path, const std::filesystem::path& inbox,
                             const std::vector<SettingChange>& settings, LogHandler log) {
  return init_queue(path, detail::canonical_path(inbox.string()), settings, std::move(log));
}

Queue Queue::open(const std::filesystem::path& path, LogHandler log) {
  std::string canonical;
  try {
    canonical = detail::canonical_path(path.string());
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory &&
        error.code() != std::errc::not_a_directory) {
      throw;
    }
    detail::throw_errc(errc::not_a_queue, "open", path.string(), "nothing is there");
  }
  return Queue{std::make_shared<detail::OpenQueue>(detail::real_sys(), canonical, std::move(log))};
}

bool Queue::is_queue(const std::filesystem::path& directory) {
  std::error_code ignored;
  return std::filesystem::exists(
      std::filesystem::symlink_status(directory / detail::kSettingsFile, ignored));
}

const std::string& Queue::path() const { return open_->path(); }

bool Queue::is_maildir() const { return open_->is_maildir(); }

std::vector<SettingChange> Queue::settings() const {
  open_->refresh_settings();
  return detail::list_settings(*open_->settings());
}

void Queue::configure(const std::vector<SettingChange>& changes) {
  own(open_, "configure").configure(changes);
}

std::vector<MessageInfo> Queue::list(State state, std::size_t limit) const {
  return detail::list_messages(own(open_, "list"), state, limit);
}

MessageInfo Queue::find(std::string_view text, const std::vector<State>& states) const {
  return detail::find_message(own(open_, "find"), text, states);
}

MessageDetails Queue::details(const MessageInfo& message) const {
  const detail::UniqueFd fd = open_file(own(open_, "open"), message);
  MessageDetails details;
  details.info = message;
  details.headers = detail::get_headers(open_->sys(), fd.get());
  details.reason = detail::get_reason(open_->sys(), fd.get());
  // A file that was copied with its attributes has another name by now.
  if (auto name = detail::get_whole_name(open_->sys(), fd.get());
      name && name->starts_with(message.name)) {
    details.info.name = std::move(*name);
  }
  // The name of a file that others dropped does not tell its size.
  struct stat status = {};
  if (!details.info.size && open_->sys().fstat(fd.get(), status).ok()) {
    details.info.size = static_cast<std::uint64_t>(status.st_size);
  }
  return details;
}

Payload::~Payload() {
  if (descriptor_ >= 0) static_cast<void>(queue_->sys().close(descriptor_));
}

Payload Queue::open_payload(const MessageInfo& message) const {
  return {open_, open_file(own(open_, "open"), message).release()};
}

bool Queue::is_complete(const MessageInfo& message) const {
  detail::OpenQueue& queue = own(open_, "look into");
  const detail::StoredMessage stored = detail::locate(queue, message);
  if (message.state != State::ready || detail::parse_name(stored.at.file())) return true;
  return queue.store().is_settled(stored.at);
}

void Queue::read_payload(const MessageInfo& message,
                         const std::function<void(std::string_view)>& sink) const {
  detail::OpenQueue& queue = own(open_, "read");
  detail::PayloadReader reader{open_file(queue, message), detail::locate(queue, message)};
  std::vector<std::byte> buffer(std::size_t{64} * 1024);
  while (const std::size_t size = reader.read(queue.sys(), buffer, message.path)) {
    sink({reinterpret_cast<const char*>(buffer.data()), size});
  }
  if (const auto mismatch = reader.mismatch()) {
    detail::throw_errc(errc::damaged, "read", message.path, *mismatch);
  }
}

Stats Queue::stats() const { return detail::count_messages(own(open_, "count")); }

void Queue::retry(const MessageInfo& message, Sync sync) {
  detail::OpenQueue& queue = own_queue(open_, "retry");
  if (message.state != State::failed) {
    detail::throw_errc(errc::no_such_message, "retry", message.path, "it is not in failed/");
  }
  if (!detail::retry(queue, detail::locate(queue, message), sync)) moved_on("retry", message);
}

void Queue::move(const MessageInfo& message, Queue& target, Sync sync) {
  detail::OpenQueue& queue = own_queue(open_, "move from");
  require_unclaimed("move", message);
  if (!detail::move_message(queue, locate_to_move(queue, message), own(target.open_, "move"),
                            sync)) {
    moved_on("move", message);
  }
}

MoveOut Queue::move_out(const MessageInfo& message) {
  detail::OpenQueue& queue = own_queue(open_, "move from");
  require_unclaimed("move", message);
  const detail::StoredMessage stored = locate_to_move(queue, message);
  if (detail::is_foreign(stored) && !detail::is_complete(queue, stored)) {
    detail::throw_errno(EAGAIN, "move", message.path, "it may still be being written");
  }
  if (detail::drop_other_names(queue, stored)) moved_on("move", message);
  return MoveOut{std::make_unique<MoveOut::Impl>(open_, stored)};
}

void Queue::remove(const MessageInfo& message, Sync sync) {
  detail::OpenQueue& queue = own_queue(open_, "remove from");
  require_unclaimed("remove", message);
  remove_message(queue, message, sync);
}

void Queue::remove_claimed(const MessageInfo& message, Sync sync) {
  remove_message(own_queue(open_, "remove from"), message, sync);
}

void Queue::sync() { own(open_, "sync").durability().sync_all(); }

DetachedClaim Queue::detached_claim(std::string_view reference) const {
  detail::OpenQueue& queue = own(open_, "find claim");
  return detail::QueueAccess::detached(open_, detail::find_detached_claim(queue, reference));
}

void DetachedClaim::ack() {
  detail::OpenQueue& queue = own(queue_, "ack");
  detail::acknowledge(queue, detail::current_claim(queue, info_), Sync::durable);
}

void DetachedClaim::release(Duration delay) {
  detail::OpenQueue& queue = own(queue_, "release");
  detail::release(queue, detail::current_claim(queue, info_), queue.from_now(delay, "release"));
}

void DetachedClaim::fail(const Reason& reason) {
  detail::OpenQueue& queue = own(queue_, "fail");
  detail::fail(queue, detail::current_claim(queue, info_), reason);
}

void DetachedClaim::extend(std::optional<Duration> lease) {
  detail::OpenQueue& queue = own(queue_, "extend");
  info_ = detail::extend_claim(queue, info_, lease.value_or(queue.settings()->detached_lease));
}

void Queue::pause() { detail::pause_queue(own(open_, "pause")); }

void Queue::resume() { detail::resume_queue(own(open_, "resume")); }

bool Queue::paused() const { return detail::is_paused(*open_); }

ReapCounts Queue::reap() {
  detail::OpenQueue& queue = own_queue(open_, "reap");
  ReapCounts counts;
  const detail::TakenBack taken_back = detail::reap(queue);
  counts.returned = taken_back.returned;
  counts.failed = taken_back.failed;
  counts.due = detail::move_due(queue).moved;
  counts.failed += detail::expire_ready(queue);
  counts.swept = detail::sweep_drafts(queue);
  counts.pruned = detail::prune_done(queue);
  detail::restock(queue);
  return counts;
}

}  // namespace spoolq
