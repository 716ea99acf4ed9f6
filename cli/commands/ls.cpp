// spoolq ls: lists messages.
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <tuple>

#include "cli/commands/commands.hpp"
#include "cli/commands/error_report.hpp"
#include "cli/commands/selection.hpp"
#include "cli/output/json.hpp"
#include "cli/output/message_text.hpp"

namespace spoolq::cli {
namespace {

/// Puts messages into an order.
using Sort = void (*)(std::vector<MessageInfo>& messages);

/// Sorts by a key, and messages with the same key by the time of their put.
template <auto Key>
void sort_by(std::vector<MessageInfo>& messages) {
  std::ranges::sort(messages, {}, [](const MessageInfo& message) {
    return std::tie(std::invoke(Key, message), message.id);
  });
}

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
  std::vector<std::string> headings = {"ID", "STATE", ">AGE", ">TRY", ">PRI", ">SIZE", "TYPE"};
  if (more) headings.emplace_back("KEY");
  headings.emplace_back("NAME");
  if (more) headings.emplace_back("DETAIL");
  return Table{headings};
}

std::vector<std::string> message_row(const Console& console, const MessageDetails& message,
                                     bool more, Time at) {
  const MessageInfo& info = message.info;
  std::vector<std::string> row = {short_id(info.id),
                                  colored(console, info.state),
                                  readable_duration(info.age(at)),
                                  fmt::format("{}", info.attempts),
                                  fmt::format("{}", info.priority),
                                  info.size ? readable_size(*info.size) : "-",
                                  escape(info.type)};
  if (more) row.push_back(escape(info.key));
  row.push_back(escape(info.name));
  if (more) row.push_back(detail_text(message, at));
  return row;
}

}  // namespace

int ls_command(Command& command, Console& console) {
  Selection selection{.states = {State::ready, State::claimed, State::delayed, State::failed}};
  Sort sort = nullptr;  // The order of delivery.
  bool reverse = false;
  bool more = false;
  bool json = false;
  bool ids = false;
  bool nul = false;
  command.describe("ls", "list messages");
  command.elsewhere = {"list"};
  selection.bind_states(
      command, "ready, claimed, delayed, failed or done; a list, or again; default: all but done");
  selection.bind_filters(command);
  command.one_of("--sort", sort, "BY",
                 "delivery (default), age (oldest first), size (smallest first), attempts, name",
                 {{"delivery", nullptr},
                  {"age", sort_by<&MessageInfo::id>},
                  {"size", sort_by<&MessageInfo::size>},
                  {"attempts", sort_by<&MessageInfo::attempts>},
                  {"name", sort_by<&MessageInfo::name>}});
  command.flag("-r,--reverse", reverse, "the other way round");
  command.number("-n", selection.count, 0, kCountMax,
                 "at most N; 0: all; default: 50 on a terminal, else all");
  command.flag("-l", more, "more columns");
  command.flag("--json", json, "a JSON document for each message, one a line");
  command.flag("-q", ids, "whole ids only");
  command.flag("-0", nul, "paths, or with -q ids, each with a NUL after it");
  command.example("spoolq ls jobs", "what is there, in order of delivery");
  command.example("spoolq ls jobs --state failed -l", "what failed, and why");
  command.example("spoolq ls jobs --name '*.jpg' --sort size -r", "the pictures, large ones first");
  command.example("spoolq ls jobs --state ready -q | head -1", "the id of the next message");
  if (!command.parse(console)) return kExitDone;
  if (json && (ids || nul || more)) {
    command.wrong_use("--json excludes -l, -q and -0");
  }
  const Queue queue = open_queue(command.queue(), console);
  const bool is_table = !json && !ids && !nul;
  const bool shorten = !command.given(&selection.count) && is_table && console.terminal;
  const std::size_t limit = shorten ? kTerminalRows : selection.count;
  // To be sorted or counted, all are needed.
  if (shorten || sort != nullptr || reverse) selection.count = 0;
  std::vector<MessageInfo> messages = select(queue, selection);
  if (sort != nullptr) sort(messages);
  if (reverse) std::ranges::reverse(messages);
  const std::size_t total = messages.size();
  if (limit != 0 && total > limit) messages.resize(limit);

  const Time at = now();
  const char end = nul ? '\0' : '\n';
  Table table = message_table(more);
  ErrorReport errors{console};
  for (const MessageInfo& info : messages) {
    if (ids) {
      console.out.write(info.id.to_string() + end);
      continue;
    }
    if (nul) {
      console.out.write(info.path + end);
      continue;
    }
    MessageDetails message{info, {}, {}};
    if (json || more) {
      try {
        message = queue.details(info);
      } catch (const Error& error) {
        if (error.code() == errc::no_such_message) continue;  // It has moved on.
        errors.add(Failure{error});
      }
    }
    if (json) {
      console.out.write(message_document(message, at));
    } else {
      table.add(message_row(console, message, more, at));
    }
  }
  if (is_table) table.print(console);
  if (shorten && messages.size() < total) {
    console.out.flush();
    console.complain(fmt::format("{} of {} shown; all: -n 0", messages.size(), total));
  }
  return errors.code();
}

}  // namespace spoolq::cli
