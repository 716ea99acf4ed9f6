// ls, show, cat, peek, stats: looking without changing anything.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>

#include "cli/commands.hpp"
#include "cli/documents.hpp"
#include "cli/exit_codes.hpp"
#include "cli/message_argument.hpp"
#include "cli/message_text.hpp"
#include "cli/queue_argument.hpp"
#include "cli/units.hpp"

namespace spoolq::cli {
namespace {

constexpr std::size_t kTerminalRows = 50;

std::string colored(const Console& console, State state) {
  std::string text{to_string(state)};
  if (!console.color) return text;
  return state == State::failed ? fmt::format("\x1b[31m{}\x1b[0m", text) : text;
}

/// The last column of `ls -l`.
std::string detail_text(const MessageDetails& message, Time at) {
  const MessageInfo& info = message.info;
  std::vector<std::string> parts;
  const auto left = [at](Time end, const char* when_over) {
    return end > at ? readable_duration(end - at) : std::string{when_over};
  };
  if (info.due) parts.push_back(fmt::format("due={}", left(*info.due, "now")));
  if (info.expires) parts.push_back(fmt::format("expires={}", left(*info.expires, "over")));
  if (!info.consumer.empty()) parts.push_back(fmt::format("consumer={}", escape(info.consumer)));
  if (info.lease_until) {
    parts.push_back(fmt::format("left={}", left(*info.lease_until, "over")));
  }
  for (const auto& [name, value] : message.headers) {
    parts.push_back(fmt::format("{}={}", escape(name), escape(value)));
  }
  if (message.reason) parts.push_back(reason_text(*message.reason));
  return fmt::format("{}", fmt::join(parts, " "));
}

Table message_table(bool more) {
  std::vector<Table::Column> columns = {{"ID"},
                                        {"STATE"},
                                        {"AGE", Table::Align::right},
                                        {"TRY", Table::Align::right},
                                        {"PRI", Table::Align::right},
                                        {"SIZE", Table::Align::right},
                                        {"TYPE"}};
  if (more) columns.push_back({"KEY"});
  columns.push_back({"NAME"});
  if (more) columns.push_back({"DETAIL"});
  return Table{columns};
}

std::vector<std::string> message_row(const Console& console, const MessageDetails& message,
                                     bool more, Time at) {
  const MessageInfo& info = message.info;
  std::vector<std::string> row = {short_id(info.id),
                                  colored(console, info.state),
                                  readable_duration(at - info.enqueued()),
                                  fmt::format("{}", info.attempts),
                                  fmt::format("{}", info.priority),
                                  info.size ? readable_size(*info.size) : "-",
                                  escape(info.type)};
  if (more) row.push_back(escape(info.key));
  row.push_back(escape(info.name));
  if (more) row.push_back(detail_text(message, at));
  return row;
}

/// The messages to list, at most `limit` of them (0: all), and how many there are when `count_all`.
struct Listing {
  std::vector<MessageInfo> messages;
  std::size_t total = 0;
};

Listing collect(const Queue& queue, const std::vector<State>& states, std::size_t limit,
                bool count_all) {
  Listing listing;
  for (const State state : states) {
    const std::size_t room = limit - std::min(limit, listing.messages.size());
    if (limit != 0 && room == 0 && !count_all) break;
    std::vector<MessageInfo> found = queue.list(state, count_all ? 0 : room);
    listing.total += found.size();
    if (limit != 0 && found.size() > room) found.resize(room);
    std::ranges::move(found, std::back_inserter(listing.messages));
  }
  return listing;
}

/// Sorts by a key, and messages with the same key by the time of their put.
template <typename Key>
void sort_by(std::vector<MessageInfo>& messages, Key key) {
  std::ranges::sort(messages, [key](const MessageInfo& a, const MessageInfo& b) {
    const auto& key_of_a = std::invoke(key, a);
    const auto& key_of_b = std::invoke(key, b);
    return key_of_a != key_of_b ? key_of_a < key_of_b : a.id < b.id;
  });
}

void sort_messages(std::vector<MessageInfo>& messages, Order order) {
  switch (order) {
    case Order::delivery:
      break;
    case Order::age:
      sort_by(messages, &MessageInfo::id);
      break;
    case Order::size:
      sort_by(messages, &MessageInfo::size);
      break;
    case Order::attempts:
      sort_by(messages, &MessageInfo::attempts);
      break;
    case Order::name:
      sort_by(messages, &MessageInfo::name);
      break;
  }
}

/// The same for a selection or another order, which take a look at every message.
Listing collect_selected(const Queue& queue, const ListArguments& arguments, std::size_t limit) {
  Listing listing{select(queue, arguments.selection), 0};
  listing.total = listing.messages.size();
  sort_messages(listing.messages, arguments.order);
  if (arguments.reverse) std::ranges::reverse(listing.messages);
  if (limit != 0 && listing.total > limit) listing.messages.resize(limit);
  return listing;
}

/// The message that `text` names, in any state.
MessageInfo find_any(const Queue& queue, const std::string& text) {
  return find_message(queue, text,
                      {State::ready, State::claimed, State::delayed, State::failed, State::done});
}

void print_payload(const Queue& queue, const MessageInfo& message, Output& out) {
  try {
    queue.read_payload(message, [&out](std::string_view bytes) { out.write(bytes); });
  } catch (const Error&) {
    out.flush();  // Whoever looks at a damaged message wants what there is of it.
    throw;
  }
}

}  // namespace

int run(const ListArguments& arguments, Console& console) {
  const Queue queue = open_queue(arguments.queue, console);
  const bool is_table = !arguments.json && !arguments.ids && !arguments.nul;
  const bool shorten = !arguments.count && is_table && console.terminal;
  const std::size_t limit = arguments.count.value_or(shorten ? kTerminalRows : 0);
  const bool plain =
      arguments.order == Order::delivery && !arguments.reverse && !arguments.selection.narrow();
  const Listing listing = plain ? collect(queue, arguments.selection.states, limit, shorten)
                                : collect_selected(queue, arguments, limit);

  const Time at = now();
  const char end = arguments.nul ? '\0' : '\n';
  Table table = message_table(arguments.more);
  int code = kExitDone;
  for (const MessageInfo& info : listing.messages) {
    if (arguments.ids) {
      console.out.write(info.id.to_string() + end);
      continue;
    }
    if (arguments.nul) {
      console.out.write(info.path + end);
      continue;
    }
    MessageDetails message{info, {}, {}};
    if (arguments.json || arguments.more) {
      try {
        message = queue.details(info);
      } catch (const Error& error) {
        if (error.code() == errc::no_such_message) continue;  // It has moved on.
        console.complain(describe(error));
        if (code == kExitDone) code = exit_code_of(error.code());
      }
    }
    if (arguments.json) {
      console.out.write(message_document(message, at));
    } else {
      table.add(message_row(console, message, arguments.more, at));
    }
  }
  if (is_table) table.print(console);
  if (shorten && listing.messages.size() < listing.total) {
    console.out.flush();
    console.complain(
        fmt::format("{} of {} shown; all: -n 0", listing.messages.size(), listing.total));
  }
  return code;
}

int run(const ShowArguments& arguments, Console& console) {
  const Queue queue = open_queue(arguments.queue, console);
  const MessageDetails message = queue.details(find_any(queue, arguments.id));
  const Time at = now();
  if (arguments.json) {
    console.out.write(message_document(message, at));
    return kExitDone;
  }
  const auto line = [&](std::string_view key, const std::string& value) {
    console.out.write(fmt::format("{}: {}\n", key, value));
  };
  const auto text = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) line(key, escape(value));
  };
  const auto time = [&](std::string_view key, const std::optional<Time>& value) {
    if (value) line(key, format_time(*value));
  };
  const MessageInfo& info = message.info;
  line("id", info.id.to_string());
  line("state", std::string{to_string(info.state)});
  line("priority", fmt::format("{}", info.priority));
  line("attempts", fmt::format("{}", info.attempts));
  if (info.size) line("size", fmt::format("{}", *info.size));
  time("enqueued_at", info.enqueued());
  line("age", readable_duration(at - info.enqueued()));
  time("due_at", info.due);
  time("expires_at", info.expires);
  text("key", info.key);
  text("type", info.type);
  text("name", info.name);
  for (const auto& [name, value] : message.headers) {
    line("header", fmt::format("{}={}", escape(name), escape(value)));
  }
  text("consumer", info.consumer);
  time("lease_until", info.lease_until);
  if (message.reason) {
    const std::string reason = reason_text(*message.reason);
    if (!reason.empty()) line("reason", reason);
    if (message.reason->exit_code) line("exit_code", fmt::format("{}", *message.reason->exit_code));
    if (message.reason->signal) line("signal", fmt::format("{}", *message.reason->signal));
    text("stderr", message.reason->error_output);
    text("failed_on", message.reason->host);
    text("failed_by", message.reason->consumer);
  }
  text("path", info.path);
  return kExitDone;
}

int run(const CatArguments& arguments, Console& console) {
  const Queue queue = open_queue(arguments.queue, console);
  print_payload(queue, find_any(queue, arguments.id), console.out);
  return kExitDone;
}

int run(const PeekArguments& arguments, Console& console) {
  const Queue queue = open_queue(arguments.queue, console);
  std::size_t shown = 0;
  for (const MessageInfo& info : queue.list(State::ready)) {
    if (arguments.count != 0 && shown == arguments.count) break;
    try {
      print_payload(queue, info, console.out);
      ++shown;
    } catch (const Error& error) {
      if (error.code() != errc::no_such_message) throw;  // Else somebody took it meanwhile.
    }
  }
  return shown > 0 ? kExitDone : kExitNo;
}

int run(const StatsArguments& arguments, Console& console) {
  constexpr auto kRight = Table::Align::right;
  Table table{{{"QUEUE"},
               {"OLDEST", kRight},
               {"READY", kRight},
               {"CLAIMED", kRight},
               {"DELAYED", kRight},
               {"FAILED", kRight},
               {"DONE", kRight},
               {"BAD", kRight},
               {"BYTES", kRight},
               {"CONSUMERS", kRight},
               {"PAUSED"}}};
  int code = kExitDone;
  const auto report = [&](const std::string& text, ExitCode its_code) {
    console.complain(text);
    if (code == kExitDone) code = its_code;
  };
  for (const std::string& argument : arguments.queues) {
    try {
      const Stats stats = open_queue(argument, console).stats();
      if (arguments.json) {
        console.out.write(stats_document(stats, now()));
        continue;
      }
      const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
      table.add({escape(argument == "@" ? stats.path : argument),
                 stats.oldest_ready ? readable_duration(*stats.oldest_ready) : "-",
                 number(stats.ready), number(stats.claimed), number(stats.delayed),
                 number(stats.failed), number(stats.done), number(stats.bad),
                 readable_size(stats.bytes), number(stats.consumers), stats.paused ? "yes" : "no"});
    } catch (const Failure& failure) {
      report(failure.what(), failure.code());
    } catch (const Error& error) {
      report(describe(error), exit_code_of(error.code()));
    }
  }
  table.print(console);
  return code;
}

}  // namespace spoolq::cli
