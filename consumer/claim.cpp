// A claimed message: reading it and finishing it.
#include "consumer/claim.hpp"

#include <fmt/core.h>

#include <array>
#include <functional>
#include <utility>

#include "queue/attributes.hpp"
#include "queue/listing.hpp"
#include "queue/message_id.hpp"
#include "queue/rename.hpp"
#include "queue/strangers.hpp"
#include "queue/throw_error.hpp"

namespace spoolq {

namespace detail {

std::string ConsumerIdentity::next_claim() {
  return fmt::format("{}.{:x}", registration_.consumer(), ++claims_);
}

void ConsumerIdentity::abandon(StoredMessage message) {
  const std::lock_guard lock{abandoned_mutex_};
  abandoned_.push_back(std::move(message));
}

std::vector<StoredMessage> ConsumerIdentity::take_abandoned() {
  const std::lock_guard lock{abandoned_mutex_};
  return std::exchange(abandoned_, {});
}

}  // namespace detail

using detail::Folder;

Claim::Impl::Impl(std::shared_ptr<detail::ConsumerIdentity> identity, detail::StoredMessage message,
                  detail::UniqueFd file)
    : identity_{std::move(identity)},
      message_{std::move(message)},
      reader_{std::move(file), message_},
      info_{detail::describe(identity_->queue(), State::claimed, message_)} {
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
      identity_->abandon(message_);
    }
    if (held_) over();
  }
}

std::string Claim::Impl::path() { return queue().path(Folder::claimed, message_.file); }

void Claim::Impl::require_held(const char* operation) {
  process_.require_own(operation, queue().path().c_str());
  if (!held_) detail::throw_errc(errc::claim_lost, operation, path());
}

Headers Claim::Impl::headers() {
  require_held("read headers of");
  return detail::get_headers(queue().sys(), reader_.fd());
}

std::string Claim::Impl::payload() {
  require_held("read");
  if (started_) {
    reader_ = detail::PayloadReader{detail::open_message(queue(), Folder::claimed, message_.file),
                                    message_};
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
  if (detail::has_writer(queue(), Folder::claimed, message_.file) == true) {
    // A copy of another queue that is still under way: not damage, only too early.
    detail::MessageName name = message_.name;
    name.claim.clear();
    --name.attempts;
    detail::unclaim(queue(), message_, detail::format_name(name));
    detail::throw_errc(errc::damaged, "read", damaged, *mismatch + "; still being written");
  }
  try {
    detail::quarantine(queue(), Folder::claimed, message_.file, *mismatch);
  } catch (const Error&) {
    identity_->abandon(message_);
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
    if (error.code() == errc::claim_lost) over();
    throw;
  }
  over();
}

void Claim::Impl::over() {
  held_ = false;
  identity_->claim_ends();
}

void Claim::Impl::ack(Sync sync) {
  finish("ack", [&] { detail::acknowledge(queue(), message_, sync); });
}

void Claim::Impl::release(Duration delay) {
  finish("release",
         [&] { detail::release(queue(), message_, queue().from_now(delay, "release")); });
}

void Claim::Impl::undo() {
  finish("give back", [&] { detail::undo_claim(queue(), message_); });
}

void Claim::Impl::fail(const Reason& reason) {
  finish("fail", [&] { detail::fail(queue(), message_, reason); });
}

std::string Claim::Impl::detach(Duration lease) {
  const std::string claim = std::string{detail::kDetachedClaim} + detail::random_token();
  finish("detach", [&] {
    message_ = detail::change_claim(queue(), message_, claim, queue().from_now(lease, "detach"));
  });
  return path();
}

Claim::Claim(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Claim::Claim(Claim&&) noexcept = default;
Claim& Claim::operator=(Claim&&) noexcept = default;
Claim::~Claim() = default;

const MessageInfo& Claim::info() const { return impl_->info(); }
Headers Claim::headers() const { return impl_->headers(); }
std::string Claim::path() const { return impl_->info().path; }
std::string Claim::payload() { return impl_->payload(); }
std::size_t Claim::read(std::span<std::byte> buffer) { return impl_->read(buffer); }
void Claim::ack(Sync sync) { impl_->ack(sync); }
void Claim::release(Duration delay) { impl_->release(delay); }
void Claim::undo() { impl_->undo(); }
void Claim::fail(const Reason& reason) { impl_->fail(reason); }
std::string Claim::detach(Duration lease) { return impl_->detach(lease); }
bool Claim::held() const noexcept { return impl_ && impl_->held(); }

}  // namespace spoolq
