// Listing, finding and counting messages.
#include "queue/store/listing.hpp"

#include <dirent.h>
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "queue/os/directory_scan.hpp"
#include "queue/os/throw_error.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/pause.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::detail {
namespace {

/// Fewer characters of an id are too easily somebody else's.
constexpr std::size_t kAbbreviationMin = 4;

/// In new/ names sort as they are served, also those of foreign files; elsewhere by file name.
std::string sort_key(State state, const StoredMessage& message) {
  return state == State::ready ? format_name(message.name) : message.at.file();
}

bool matches(const MessageId& id, std::string_view text) {
  const std::string whole = id.to_string();
  return whole.starts_with(text) || whole.ends_with(text);
}

/// From the name where it tells, which it does not for foreign files.
std::uint64_t payload_size(OpenQueue& queue, const StoredMessage& message) {
  if (message.name.size) return *message.name.size;
  struct stat status = {};
  return queue.store().stat(message.at, status).ok() ? static_cast<std::uint64_t>(status.st_size)
                                                     : 0;
}

MessageInfo find_extreme(OpenQueue& queue, const std::vector<State>& states, bool newest,
                         std::string_view text) {
  std::optional<MessageInfo> best;
  for (const State state : states) {
    queue.store().scan(state, [&](const StoredMessage& message) {
      if (!best || (newest ? message.name.id > best->id : message.name.id < best->id)) {
        best = describe(queue, state, message);
      }
      return true;
    });
  }
  if (!best) throw_errc(errc::no_such_message, "find", std::string{text}, queue.path());
  return *best;
}

}  // namespace

MessageInfo describe(const OpenQueue& queue, State state, const StoredMessage& message) {
  const MessageName& name = message.name;
  MessageInfo info;
  info.id = name.id;
  info.state = state;
  info.priority = name.priority;
  info.attempts = name.attempts;
  info.size = name.size;
  info.due = message.due;
  info.expires = name.expires;
  info.key = name.key;
  info.type = name.type;
  info.name = name.original;
  info.name_may_be_cut = message.is_named && message.at.file().size() >= kCutNameMin;
  // The name of a foreign file is cut only where it becomes part of a name of ours.
  if (!message.is_named) info.name = message.at.file();
  if (state == State::claimed) {
    info.consumer = is_detached(name.claim) ? name.claim : std::string{claim_owner(name.claim)};
  }
  info.lease_until = name.lease_until;
  info.path = queue.store().path(message.at);
  return info;
}

StoredMessage locate(OpenQueue& queue, const MessageInfo& message) {
  if (auto found = queue.store().find_path(message.state, message.path)) return *found;
  StoredMessage gone;
  gone.at = Store::place(message.state, message.path.substr(message.path.rfind('/') + 1));
  return gone;
}

std::vector<MessageInfo> list_messages(OpenQueue& queue, State state, std::size_t limit) {
  // With a limit, a heap of the best so far: the last of them is in front and gives way.
  std::vector<std::pair<std::string, MessageInfo>> found;
  const auto is_before = [](const auto& a, const auto& b) { return a.first < b.first; };
  queue.store().scan(state, [&](const StoredMessage& message) {
    std::string key = sort_key(state, message);
    if (limit != 0 && found.size() == limit) {
      if (key >= found.front().first) return true;
      std::pop_heap(found.begin(), found.end(), is_before);
      found.pop_back();
    }
    found.emplace_back(std::move(key), describe(queue, state, message));
    if (limit != 0) std::push_heap(found.begin(), found.end(), is_before);
    return true;
  });
  std::sort(found.begin(), found.end(), is_before);
  std::vector<MessageInfo> list;
  list.reserve(found.size());
  for (auto& [key, message] : found) list.push_back(std::move(message));
  return list;
}

MessageInfo find_message(OpenQueue& queue, std::string_view text,
                         const std::vector<State>& states) {
  if (text == "@oldest" || text == "@newest") {
    return find_extreme(queue, states, text == "@newest", text);
  }
  if (text.starts_with('@')) {
    throw_errc(errc::bad_value, "find", escaped(text), "there are @oldest and @newest");
  }
  if (text.size() < kAbbreviationMin) {
    throw_errc(errc::bad_value, "find", fmt::format("'{}'", escaped(text)),
               fmt::format("give at least {} characters of an id", kAbbreviationMin));
  }
  std::vector<MessageInfo> found;
  for (const State state : states) {
    queue.store().scan(state, [&](const StoredMessage& message) {
      if (matches(message.name.id, text)) found.push_back(describe(queue, state, message));
      return true;
    });
  }
  if (found.empty()) {
    throw_errc(errc::no_such_message, "find", escaped(text), fmt::format("in {}", queue.path()));
  }
  const bool one_id = std::all_of(found.begin(), found.end(),
                                  [&](const MessageInfo& info) { return info.id == found[0].id; });
  if (!one_id) {
    std::string ids;
    constexpr std::size_t kShown = 5;
    for (std::size_t i = 0; i < std::min(found.size(), kShown); ++i) {
      ids += fmt::format(" {}", found[i].id);
    }
    throw_errc(
        errc::ambiguous_id, "find", escaped(text),
        fmt::format("{} messages:{}{}", found.size(), ids, found.size() > kShown ? " …" : ""));
  }
  return found.front();
}

Load count_load(OpenQueue& queue) {
  Load load;
  for (const State state : {State::ready, State::delayed, State::claimed}) {
    queue.store().scan(state, [&](const StoredMessage& message) {
      ++load.messages;
      load.bytes += payload_size(queue, message);
      return true;
    });
  }
  return load;
}

Stats count_messages(OpenQueue& queue) {
  Stats stats;
  stats.path = queue.path();
  std::optional<Time> oldest;
  const auto count = [&](State state) {
    std::uint64_t messages = 0;
    queue.store().scan(state, [&](const StoredMessage& message) {
      ++messages;
      if (state != State::done) stats.bytes += payload_size(queue, message);
      if (state == State::ready) {
        const Time put = message.name.id.time();
        oldest = std::min(oldest.value_or(put), put);
      }
      return true;
    });
    return messages;
  };
  stats.ready = count(State::ready);
  stats.claimed = count(State::claimed);
  stats.delayed = count(State::delayed);
  stats.failed = count(State::failed);
  stats.done = count(State::done);
  stats.bad = queue.store().count_quarantine();
  if (oldest) stats.oldest_ready = std::max(Duration{0}, queue.now() - *oldest);
  if (queue.folders().has(Folder::consumers)) {
    scan_consumers(queue, [&](std::string_view consumer) {
      if (is_alive(queue, consumer)) ++stats.consumers;
    });
  }
  stats.paused = is_paused(queue);
  return stats;
}

}  // namespace spoolq::detail
