// spoolq show: prints all that is known of a message.
#include <fmt/format.h>

#include <optional>

#include "cli/commands/commands.hpp"
#include "cli/output/json.hpp"
#include "cli/output/message_text.hpp"

namespace spoolq::cli {
int show_command(Command& command, Console& console) {
  bool json = false;
  command.describe("show", "all that is known of a message", "Q ID", 2, 2);
  command.flag("--json", json, "print JSON");
  command.example("spoolq show jobs 97d0a11c", "all that is known of a message");
  command.example("spoolq show jobs @oldest --json", "of the one that was put first");
  command.details = kIdDetails;
  if (!command.parse(console)) return kExitDone;
  const Queue queue = open_queue(command.queue(), console);
  const MessageDetails message = queue.details(find_any(queue, command.arguments()[1]));
  const Time at = now();
  if (json) {
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
  line("age", readable_duration(info.age(at)));
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

}  // namespace spoolq::cli
