// Finding messages, and telling where one is that is not where it should be.
#include "cli/args/message_argument.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "cli/output/print.hpp"
#include "cli/output/units.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

/// The state of a message, and what may be done about it.
std::string state_text(const MessageInfo& message) {
  switch (message.state) {
    case State::ready:
      return "ready: the next take may get it";
    case State::claimed:
      if (!message.lease_until) {
        return fmt::format("claimed by the consumer {}, which finishes it or gives it back",
                           escape(message.consumer));
      }
      return fmt::format("claimed until {}: `spoolq release` gives it back",
                         format_time(*message.lease_until));
    case State::delayed:
      return message.due ? fmt::format("delayed until {}", format_time(*message.due)) : "delayed";
    case State::failed:
      return "failed: `spoolq retry` makes it ready again";
    case State::done:
      return "done";
  }
  return {};
}

/// Words for a message that is there, but in none of `states`; nothing where it is not there.
std::optional<std::string> wrong_state(const Queue& queue, const std::string& text,
                                       const std::vector<State>& states) {
  if (text.starts_with('@')) return std::nullopt;
  try {
    const MessageInfo found = queue.find(text, all_states());
    if (std::ranges::find(states, found.state) != states.end()) return std::nullopt;
    std::string wanted;
    for (const State state : states) {
      wanted += fmt::format("{}{}", wanted.empty() ? "" : " or ", to_string(state));
    }
    return fmt::format("{}: not {}, but {}", found.id, wanted, state_text(found));
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// An id in lower case, without the blanks that came with it from wherever it was copied.
std::string as_spelled(const std::string& text) {
  constexpr const char* kBlanks = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string::npos) return text;
  std::string id = text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
  for (char& c : id) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return id;
}

}  // namespace

std::vector<State> all_states() {
  return {State::ready, State::claimed, State::delayed, State::failed, State::done};
}

std::string id_text(const std::string& text) {
  const auto id = text.find('/') == std::string::npos ? std::nullopt : MessageId::from_path(text);
  return id ? id->to_string() : as_spelled(text);
}

bool may_be_id(const std::string& text) {
  constexpr std::string_view kAnyId = "00000000-0000-7000-8000-000000000000";
  constexpr std::size_t kAbbreviationMin = 4;
  if (text.size() < kAbbreviationMin || text.size() > kAnyId.size()) return false;
  const std::size_t left = kAnyId.size() - text.size();
  return MessageId::parse(fmt::format("{}{}", text, kAnyId.substr(text.size()))) ||
         MessageId::parse(fmt::format("{}{}", kAnyId.substr(0, left), text));
}

MessageInfo find_message(const Queue& queue, const std::string& text,
                         const std::vector<State>& states) {
  std::vector<State> considered = states;
  // The oldest of what is still to be done, whatever the command.
  if (text.starts_with('@')) std::erase(considered, State::done);
  try {
    return queue.find(id_text(text), considered);
  } catch (const Error& error) {
    if (error.code() == errc::no_such_message) {
      if (const auto words = wrong_state(queue, text, states)) throw Failure{kExitNotFound, *words};
    }
    throw;
  }
}

DetachedClaim find_held_claim(const Queue& queue, const std::string& text) {
  try {
    return queue.detached_claim(text);
  } catch (const Error& error) {
    if (error.code() == errc::no_such_message && text.find('/') == std::string::npos) {
      if (const auto words = wrong_state(queue, text, {State::claimed})) {
        throw Failure{kExitNotFound, *words};
      }
    }
    throw;
  }
}

MessageInfo find_any(const Queue& queue, const std::string& text) {
  return find_message(queue, text, all_states());
}

}  // namespace spoolq::cli
