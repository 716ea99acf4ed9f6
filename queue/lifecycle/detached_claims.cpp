// Receipts of detached claims.
#include "queue/lifecycle/detached_claims.hpp"

#include <fmt/core.h>

#include <boost/filesystem.hpp>

#include "queue/os/throw_error.hpp"
#include "queue/store/listing.hpp"

namespace spoolq::detail {
namespace {

/// The claim of that message with that token.
std::optional<StoredMessage> find_token(OpenQueue& queue, const MessageName& wanted) {
  std::optional<StoredMessage> found;
  queue.store().scan(State::claimed, [&](const StoredMessage& message) {
    if (message.name.id != wanted.id || message.name.claim != wanted.claim) return true;
    found = message;
    return false;
  });
  return found;
}

void require_detached(OpenQueue& queue, const StoredMessage& message) {
  if (is_detached(message.name.claim)) return;
  throw_errc(errc::claim_owned, "finish", queue.store().path(message.at),
             fmt::format("consumer {}", claim_owner(message.name.claim)));
}

/// Whether the path leads into another folder than this queue's cur/. False when it leads nowhere:
/// the queue may have been moved since. Only a better word for what is an error in any case.
bool is_elsewhere(const OpenQueue& queue, std::string_view path) {
  boost::system::error_code error;
  const std::string folder{path.substr(0, path.rfind('/'))};
  const bool same =
      boost::filesystem::equivalent(folder, queue.store().path(State::claimed), error);
  return !error && !same;
}

MessageInfo find_by_receipt(OpenQueue& queue, std::string_view path) {
  const auto name = parse_name(path.substr(path.rfind('/') + 1));
  if (!name || name->claim.empty()) {
    throw_errc(errc::no_such_message, "find claim", escaped(path), "not the path of a claim");
  }
  const auto message = find_token(queue, *name);
  if (!message && is_elsewhere(queue, path)) {
    throw_errc(errc::no_such_message, "find claim", escaped(path),
               fmt::format("it is not a claim of {}", queue.path()));
  }
  if (!message) throw_errc(errc::claim_lost, "find claim", escaped(path));
  require_detached(queue, *message);
  return describe(queue, State::claimed, *message);
}

}  // namespace

MessageInfo find_detached_claim(OpenQueue& queue, std::string_view reference) {
  if (reference.find('/') != std::string_view::npos) return find_by_receipt(queue, reference);
  // An id names whatever claim there is of it now.
  const MessageInfo info = find_message(queue, reference, {State::claimed});
  const StoredMessage message = locate(queue, info);
  require_detached(queue, message);
  return info;
}

StoredMessage current_claim(OpenQueue& queue, const MessageInfo& claim) {
  const auto named = queue.store().find_path(State::claimed, claim.path);
  auto message = named ? find_token(queue, named->name) : std::nullopt;
  if (!message) throw_errc(errc::claim_lost, "find claim", claim.path);
  message->linked = true;  // No consumer has looked since it was claimed.
  return *message;
}

MessageInfo extend_claim(OpenQueue& queue, const MessageInfo& claim, Duration lease) {
  const StoredMessage message = current_claim(queue, claim);
  return describe(
      queue, State::claimed,
      change_claim(queue, message, message.name.claim, queue.from_now(lease, "extend")));
}

}  // namespace spoolq::detail
