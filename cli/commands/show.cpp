// spoolq show: prints all that is known of a message.
#include <fmt/format.h>

#include <optional>

#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/json.hpp"
#include "cli/output/message_text.hpp"
#include "cli/output/units.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {kJson};

constexpr Example kExamples[] = {
    {"spoolq show jobs 97d0a11c", "all that is known of a message"},
    {"spoolq show jobs @oldest --json", "of the one that was put first"},
};

int run(const Parsed& parsed, Console& console) {
  const Queue queue = open_queue(parsed.queue(), console);
  const MessageDetails message = queue.details(find_any(queue, parsed.rest().front()));
  const Time at = now();
  if (parsed.flag("json")) {
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

}  // namespace

const Command kShowCommand{.name = "show",
                           .group = Group::look,
                           .summary = "all that is known of a message",
                           .usage = "Q ID",
                           .arguments_min = 2,
                           .arguments_max = 2,
                           .options = kOptions,
                           .examples = kExamples,
                           .details = kIdDetails,
                           .run = run};

}  // namespace spoolq::cli
