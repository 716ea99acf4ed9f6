// A claimed message: reading it and finishing it.
#include "consumer/take/claim.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/backoff.hpp"
#include "queue/lifecycle/move.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/claim_heir.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/queue_access.hpp"
#include "queue/store/rename.hpp"

namespace spoolq {

namespace detail {

std::string ConsumerIdentity::next_claim() {
  return fmt::format("{}.{:x}", registration_.consumer(), ++claims_);
}

void ConsumerIdentity::abandon(Abandoned claim) {
  const std::lock_guard lock{mutex_};
  abandoned_.push_back(std::move(claim));
}

void ConsumerIdentity::undo_claim(const StoredMessage& message, const std::string& file) {
  try {
    unclaim(*queue_, message, Store::place(State::ready, file));
  } catch (const Error&) {
    abandon({message, /*counts=*/false});
    throw;
  }
}

std::vector<Abandoned> ConsumerIdentity::take_abandoned() {
  const std::lock_guard lock{mutex_};
  return std::exchange(abandoned_, {});
}

void ConsumerIdentity::defer(std::string file) {
  const std::lock_guard lock{mutex_};
  deferred_.push_back(std::move(file));
}

std::vector<std::string> ConsumerIdentity::take_deferred() {
  const std::lock_guard lock{mutex_};
  return std::exchange(deferred_, {});
}

}  // namespace detail

using detail::OpenQueue;
using detail::StoredMessage;

class [[gnu::visibility("hidden")]] ClaimHolder::Impl : public detail::ClaimHeir {
 public:
  using ClaimHeir::ClaimHeir;
};

Claim::Impl::Impl(std::shared_ptr<detail::ConsumerIdentity> owner, StoredMessage claimed,
                  detail::UniqueFd file, std::optional<std::string> whole_name)
    : identity{std::move(owner)},
      message{std::move(claimed)},
      reader{std::move(file), message},
      info{detail::describe(queue(), State::claimed, message)} {
  if (whole_name) info.name = std::move(*whole_name);
  identity->claim_begins();
}

Claim::Impl::~Impl() {
  if (!is_held()) return;
  try {
    release(Duration{0});
  } catch (const Error& error) {
    // The message of a lost claim is another consumer's by now: nothing to give back.
    if (error.code() != errc::claim_lost) {
      queue().log(LogLevel::warning, detail::escaped(error.what()));
      identity->abandon({message});
    }
    if (held) over();
  }
}

std::string Claim::Impl::path() const { return queue().store().path(message.at); }

void Claim::Impl::require_held(const char* operation) const {
  process.require_own(operation, queue().path().c_str());
  if (!held) detail::throw_errc(errc::claim_lost, operation, path());
}

void Claim::Impl::verify() {
  const auto mismatch = reader.mismatch();
  if (!mismatch) {
    verified = true;
    return;
  }
  const std::string damaged = path();
  over();
  if (queue().store().has_writer(message.at) == true) {
    // A copy of another queue that is still under way: not damage, only too early.
    detail::MessageName name = message.name;
    name.claim.clear();
    --name.attempts;
    const std::string file = detail::format_name(name);
    // First, because the rename tells the consumer of a new file.
    identity->defer(file);
    identity->undo_claim(message, file);
    detail::throw_errc(errc::damaged, "read", damaged, *mismatch + "; still being written");
  }
  try {
    queue().store().quarantine(message.at, *mismatch);
  } catch (const Error&) {
    identity->abandon({message});
    throw;
  }
  detail::throw_errc(errc::damaged, "read", damaged, *mismatch + "; it is in bad/ now");
}

void Claim::Impl::release(Duration delay) {
  finish("release", [&](OpenQueue& queue, StoredMessage& stored) {
    detail::release(queue, stored, queue.from_now(delay, "release"));
  });
}

void Claim::Impl::finish(const char* operation, const Transition& transition) {
  require_held(operation);
  try {
    transition(queue(), message);
  } catch (const Error& error) {
    // After any other error the message may still be ours: the destructor tries to give it back.
    if (error.code() == errc::claim_lost && held) over();
    throw;
  }
  over();
}

void Claim::Impl::over() {
  held = false;
  identity->claim_ends();
}

static_assert(ClaimHolder::kDescriptors == detail::ClaimHeir::kDescriptors);

ClaimHolder::ClaimHolder(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
ClaimHolder::ClaimHolder(ClaimHolder&&) noexcept = default;
ClaimHolder& ClaimHolder::operator=(ClaimHolder&&) noexcept = default;
ClaimHolder::~ClaimHolder() = default;

bool ClaimHolder::move_to(int first) noexcept { return impl_->move_to(first); }
bool ClaimHolder::take_over() noexcept { return impl_->take_over(); }

Claim::Claim(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Claim::Claim(Claim&&) noexcept = default;
Claim& Claim::operator=(Claim&&) noexcept = default;
Claim::~Claim() = default;

const MessageInfo& Claim::info() const { return impl_->info; }
std::string Claim::path() const { return impl_->info.path; }
bool Claim::held() const noexcept { return impl_ && impl_->is_held(); }

Headers Claim::headers() const {
  impl_->require_held("read headers of");
  return detail::get_headers(impl_->queue().sys(), impl_->reader.descriptor());
}

std::string Claim::payload() {
  impl_->require_held("read");
  const detail::StoredMessage& message = impl_->message;
  if (impl_->started) {
    impl_->reader = detail::PayloadReader{impl_->queue().store().open(message.at), message};
    impl_->started = impl_->verified = false;
  }
  std::string payload;
  payload.reserve(message.name.size.value_or(0));
  std::array<std::byte, std::size_t{64} * 1024> buffer;
  while (const std::size_t size = read(buffer)) {
    payload.append(reinterpret_cast<const char*>(buffer.data()), size);
  }
  return payload;
}

std::size_t Claim::read(std::span<std::byte> buffer) {
  impl_->require_held("read");
  impl_->started = true;
  const std::size_t size = impl_->reader.read(impl_->queue().sys(), buffer, impl_->path());
  if (size < buffer.size() && !impl_->verified) impl_->verify();
  return size;
}

void Claim::ack(Sync sync, Finished finished) {
  std::optional<bool> keep;
  if (finished != Finished::by_setting) keep = finished == Finished::kept;
  impl_->finish("ack", [&](OpenQueue& queue, StoredMessage& message) {
    detail::acknowledge(queue, message, sync, keep);
  });
}

void Claim::release(Duration delay) { impl_->release(delay); }

void Claim::undo() { impl_->finish("give back", detail::undo_claim); }

State Claim::retry_later(const Reason& reason, const RetryPolicy& policy) {
  const auto settings = impl_->queue().settings();
  const unsigned attempts_max = policy.max_attempts.value_or(settings->max_attempts);
  const Duration wait = detail::random_backoff(policy.backoff.value_or(settings->backoff),
                                               std::max(impl_->message.name.attempts, 1U));
  State state = State::ready;
  const Time due = impl_->queue().from_now(wait, "retry");
  impl_->finish("retry", [&](OpenQueue& queue, StoredMessage& message) {
    state = detail::retry_later(queue, message, reason, due, attempts_max);
  });
  MessageInfo& info = impl_->info;
  info.state = state;
  if (state == State::delayed) info.due = due;
  return info.state;
}

void Claim::fail(const Reason& reason) {
  impl_->finish("fail", [&](OpenQueue& queue, StoredMessage& message) {
    detail::fail(queue, message, reason);
  });
}

void Claim::move(Queue& target) {
  OpenQueue& other = *detail::QueueAccess::open(target);
  other.require_own_process("move into");
  impl_->finish("move", [&](OpenQueue& queue, StoredMessage& message) {
    detail::hand_over(queue, message, other);
  });
}

void Claim::extend() {
  impl_->require_held("extend");
  OpenQueue& queue = impl_->queue();
  StoredMessage& message = impl_->message;
  try {
    message = detail::change_claim(queue, message, impl_->identity->next_claim(), {});
  } catch (const Error& error) {
    if (error.code() == errc::claim_lost) impl_->over();
    throw;
  }
  // The file's name may hold only part of the message's.
  std::string whole_name = std::move(impl_->info.name);
  impl_->info = detail::describe(queue, State::claimed, message);
  impl_->info.name = std::move(whole_name);
}

ClaimHolder Claim::holder() const {
  OpenQueue& queue = impl_->queue();
  const StoredMessage& message = impl_->message;
  struct stat status = {};
  const auto found = queue.store().stat(message.at, status);
  if (found.error() == ENOENT) detail::throw_errc(errc::claim_lost, "hold", impl_->path());
  if (!found.ok()) detail::throw_errno(found.error(), "stat", impl_->path());
  return ClaimHolder{std::make_unique<ClaimHolder::Impl>(queue, impl_->identity->registration(),
                                                         message.name.id, status.st_ino)};
}

std::string Claim::detach(Duration lease) {
  const std::string claim = std::string{detail::kDetachedClaim} + detail::random_token();
  impl_->finish("detach", [&](OpenQueue& queue, StoredMessage& message) {
    message = detail::change_claim(queue, message, claim, queue.from_now(lease, "detach"));
  });
  return impl_->path();
}

}  // namespace spoolq
