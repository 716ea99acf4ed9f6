// The producer's public face over queue/put.
#include "spoolq/producer.hpp"

#include <array>
#include <cerrno>

#include "queue/lifecycle/put.hpp"
#include "queue/os/fork_guard.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/open_queue.hpp"
#include "queue/store/queue_access.hpp"

namespace spoolq {

class [[gnu::visibility("hidden")]] Draft::Impl {
 public:
  Impl(std::shared_ptr<detail::OpenQueue> queue, const PutOptions& options,
       std::optional<std::uint64_t> size)
      : queue_{std::move(queue)}, message_{*queue_, options, size} {}

  detail::PendingMessage& message() {
    queue_->require_own_process("write to");
    return message_;
  }

 private:
  std::shared_ptr<detail::OpenQueue> queue_;
  detail::PendingMessage message_;
};

Draft::Draft(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
Draft::Draft(Draft&&) noexcept = default;
Draft& Draft::operator=(Draft&&) noexcept = default;
Draft::~Draft() = default;

MessageId Draft::id() const { return impl_->message().id(); }

void Draft::write(std::span<const std::byte> bytes) {
  write(std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void Draft::write(std::string_view bytes) { impl_->message().write(bytes); }

MessageId Draft::commit() {
  impl_->message().publish();
  return impl_->message().id();
}

Producer::Producer(const std::filesystem::path& path, LogHandler log)
    : Producer{Queue::open(path, std::move(log))} {}
Producer::Producer(Queue queue) : queue_{std::move(queue)} {}

MessageId Producer::put(std::string_view payload, const PutOptions& options) {
  Draft message = draft(options, payload.size());
  message.write(payload);
  return message.commit();
}

MessageId Producer::put(std::span<const std::byte> payload, const PutOptions& options) {
  Draft message = draft(options, payload.size());
  message.write(payload);
  return message.commit();
}

MessageId Producer::put(std::istream& payload, const PutOptions& options) {
  Draft message = draft(options);
  std::array<char, std::size_t{64} * 1024> buffer;
  while (payload) {
    payload.read(buffer.data(), buffer.size());
    message.write(std::string_view{buffer.data(), static_cast<std::size_t>(payload.gcount())});
  }
  // Also a file that could not be opened: it failed, and not at its end.
  if (payload.bad() || !payload.eof()) {
    detail::throw_errno(EIO, "read", "the payload's stream");
  }
  return message.commit();
}

Draft Producer::draft(const PutOptions& options, std::optional<std::uint64_t> size) {
  return Draft{std::make_unique<Draft::Impl>(detail::QueueAccess::open(queue_), options, size)};
}

}  // namespace spoolq
