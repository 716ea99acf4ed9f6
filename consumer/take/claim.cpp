// A claimed message: reading it and finishing it.
#include "consumer/take/claim.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

#include "queue/format/attributes.hpp"
#include "queue/format/message_id.hpp"
#include "queue/lifecycle/backoff.hpp"
#include "queue/lifecycle/move.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/claim_heir.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/listing.hpp"
#include "queue/store/rename.hpp"

namespace spoolq {

namespace detail {

std::string ConsumerIdentity::next_claim() {
  return fmt::format("{}.{:x}", registration_.consumer(), ++claims_);
}

void ConsumerIdentity::abandon(Abandoned claim) {
  const std::lock_guard lock{abandoned_mutex_};
  abandoned_.push_back(std::move(claim));
}

std::vector<Abandoned> ConsumerIdentity::take_abandoned() {
  const std::lock_guard lock{abandoned_mutex_};
  return std::exchange(abandoned_, {});
}

void ConsumerIdentity::defer(std::string file) {
  const std::lock_guard lock{deferred_mutex_};
  deferred_.push_back(std::move(file));
}

std::vector<std::string> ConsumerIdentity::take_deferred() {
  const std::lock_guard lock{deferred_mutex_};
  return std::exchange(deferred_, {});
}

}  // namespace detail

using detail::Folder;

class [[gnu::visibility("hidden")]] ClaimHolder::Impl : public detail::ClaimHeir {
 public:
  using ClaimHeir::ClaimHeir;
};

Claim::Impl::Impl(std::shared_ptr<detail::ConsumerIdentity> identity, detail::StoredMessage message,
                  detail::UniqueFd file, std::optional<std::string> whole_name)
    : identity_{std::move(identity)},
      message_{std::move(message)},
      reader_{std::move(file), message_},
      info_{detail::describe(identity_->queue(), State::claimed, message_)} {
  if (whole_name) info_.name = std::move(*whole_name);
  identity_->claim_begins();
}

Claim::Impl::~Impl() {
  if (!held()) return;
  try {
    release(Duration{0});
  } catch (const Error& error) {
    // A lost claim is somebody else's message by now: nothing to give back.
    if (error.code() != errc::claim_lost) {
      queue().log(LogLevel::warning, detail::escaped(error.what()));
      identity_->abandon({message_});
    }
    if (held_) over();
  }
}

std::string Claim::Impl::path() { return queue().store().path(message_.at); }

void Claim::Impl::require_held(const char* operation) {
  process_.require_own(operation, queue().path().c_str());
  if (!held_) detail::throw_errc(errc::claim_lost, operation, path());
}

Headers Claim::Impl::headers() {
  require_held("read headers of");
  return detail::get_headers(queue().sys(), reader_.descriptor());
}

std::string Claim::Impl::payload() {
  require_held("read");
  if (started_) {
    reader_ = detail::PayloadReader{queue().store().open(message_.at), message_};
    started_ = verified_ = false;
  }
  std::string payload;
  payload.reserve(message_.name.size.value_or(0));
  std::array<std::byte, std::size_t{64} * 1024> buffer;
  while (const std::size_t size = read(buffer)) {
    payload.append(reinterpret_cast<const char*>(buffer.data()), size);
  }
  return payload;
}

std::size_t Claim::Impl::read(std::span<std::byte> buffer) {
  require_held("read");
  started_ = true;
  const std::size_t size = reader_.read(queue().sys(), buffer, path());
  if (size < buffer.size() && !verified_) verify();
  return size;
}

void Claim::Impl::verify() {
  const auto mismatch = reader_.mismatch();
  if (!mismatch) {
    verified_ = true;
    return;
  }
  const std::string damaged = path();
  over();
  if (queue().store().has_writer(message_.at) == true) {
    // A copy of another queue that is still under way: not damage, only too early.
    detail::MessageName name = message_.name;
    name.claim.clear();
    --name.attempts;
    const std::string file = detail::format_name(name);
    // First, because the rename tells the consumer of a new file.
    identity_->defer(file);
    try {
      detail::unclaim(queue(), message_, detail::Store::place(State::ready, file));
    } catch (const Error&) {
      identity_->abandon({message_, /*counts=*/false});
      throw;
    }
    detail::throw_errc(errc::damaged, "read", damaged, *mismatch + "; still being written");
  }
  try {
    queue().store().quarantine(message_.at, *mismatch);
  } catch (const Error&) {
    identity_->abandon({message_});
    throw;
  }
  detail::throw_errc(errc::damaged, "read", damaged, *mismatch + "; it is in bad/ now");
}

void Claim::Impl::finish(const char* operation, const std::function<void()>& transition) {
  require_held(operation);
  try {
    transition();
  } catch (const Error& error) {
    // After any other error the message may still be ours: the destructor tries to give it back.
    if (error.code() == errc::claim_lost && held_) over();
    throw;
  }
  over();
}

void Claim::Impl::over() {
  held_ = false;
  identity_->claim_ends();
}

void Claim::Impl::ack(Sync sync, Finished finished) {
  std::optional<bool> keep;
  if (finished != Finished::by_setting) keep = finished == Finished::kept;
  finish("ack", [&] { detail::acknowledge(queue(), message_, sync, keep); });
}

void Claim::Impl::release(Duration delay) {
  finish("release",
         [&] { detail::release(queue(), message_, queue().from_now(delay, "release")); });
}

void Claim::Impl::undo() {
  finish("give back", [&] { detail::undo_claim(queue(), message_); });
}

State Claim::Impl::retry_later(const Reason& reason, const RetryPolicy& policy) {
  const auto settings = queue().settings();
  const unsigned attempts_max = policy.max_attempts.value_or(settings->max_attempts);
  const Duration wait = detail::random_backoff(policy.backoff.value_or(settings->backoff),
                                               std::max(message_.name.attempts, 1U));
  const Time due = queue().from_now(wait, "retry");
  finish("retry",
         [&] { info_.state = detail::retry_later(queue(), message_, reason, due, attempts_max); });
  if (info_.state == State::delayed) info_.due = due;
  return info_.state;
}

void Claim::Impl::fail(const Reason& reason) {
  finish("fail", [&] { detail::fail(queue(), message_, reason); });
}

void Claim::Impl::move(Queue& target) {
  detail::OpenQueue& other = *target.internals();
  other.require_own_process("move into");
  finish("move", [&] { detail::hand_over(queue(), message_, other); });
}

void Claim::Impl::extend() {
  require_held("extend");
  try {
    message_ = detail::change_claim(queue(), message_, identity_->next_claim(), {});
  } catch (const Error& error) {
    if (error.code() == errc::claim_lost) over();
    throw;
  }
  // The file's name may hold only part of the message's.
  std::string whole_name = std::move(info_.name);
  info_ = detail::describe(queue(), State::claimed, message_);
  info_.name = std::move(whole_name);
}

std::unique_ptr<ClaimHolder::Impl> Claim::Impl::holder() {
  struct stat status = {};
  const auto found = queue().store().stat(message_.at, status);
  if (found.error() == ENOENT) detail::throw_errc(errc::claim_lost, "hold", path());
  if (!found.ok()) detail::throw_errno(found.error(), "stat", path());
  return std::make_unique<ClaimHolder::Impl>(identity_->queue(), identity_->registration(),
                                             message_.name.id, status.st_ino);
}

std::string Claim::Impl::detach(Duration lease) {
  const std::string claim = std::string{detail::kDetachedClaim} + detail::random_token();
  finish("detach", [&] {
    message_ = detail::change_claim(queue(), message_, claim, queue().from_now(lease, "detach"));
  });
  return path();
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

const MessageInfo& Claim::info() const { return impl_->info(); }
Headers Claim::headers() const { return impl_->headers(); }
std::string Claim::path() const { return impl_->info().path; }
std::string Claim::payload() { return impl_->payload(); }
std::size_t Claim::read(std::span<std::byte> buffer) { return impl_->read(buffer); }
void Claim::ack(Sync sync, Finished finished) { impl_->ack(sync, finished); }
void Claim::release(Duration delay) { impl_->release(delay); }
void Claim::undo() { impl_->undo(); }
State Claim::retry_later(const Reason& reason, const RetryPolicy& policy) {
  return impl_->retry_later(reason, policy);
}
void Claim::fail(const Reason& reason) { impl_->fail(reason); }
void Claim::move(Queue& target) { impl_->move(target); }
void Claim::extend() { impl_->extend(); }
ClaimHolder Claim::holder() const { return ClaimHolder{impl_->holder()}; }
std::string Claim::detach(Duration lease) { return impl_->detach(lease); }
bool Claim::held() const noexcept { return impl_ && impl_->held(); }

}  // namespace spoolq
