// spoolq put: puts messages into a queue.
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "cli/commands/commands.hpp"
#include "cli/commands/publisher.hpp"
#include "cli/commands/put_source.hpp"
#include "cli/output/signals.hpp"
#include "spoolq/producer.hpp"

namespace spoolq::cli {
namespace {

/// Stores NAME=VALUE.
Command::Store header_in(Headers& headers) {
  return [&headers](const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0) return "not NAME=VALUE";
    headers[text.substr(0, equals)] = text.substr(equals + 1);
    return "";
  };
}

}  // namespace

int put_command(Command& command, Console& console) {
  Publishing publishing;
  PutOptions& options = publishing.options;
  bool each_line = false;
  bool each_nul = false;
  command.describe("put", "put messages into a queue", "Q [FILE...|-]", 1, kUnlimited);
  command.aliases = {"send"};
  command.elsewhere = {"add", "enqueue", "publish", "push", "write"};
  command.number("--priority", options.priority, 0, 9, "0 (served first) to 9; default 5");
  command.duration("--delay", options.delay, "not before this long from now, such as 10m");
  command.option(
      "--at", options.due, "T", "not before this time: RFC 3339, or +10m",
      [](const std::string& text) { return parse_time(text, now()); },
      "not a time such as 2026-11-23T03:16:21Z or +10m");
  command.duration("--ttl", options.time_to_live, "not delivered later than this after the put");
  command.text("--key", options.key, "KEY", "a key, carried with the message");
  command.text("--type", options.type, "TYPE", "content type");
  command.text("--name", options.name, "NAME",
               "original file name; default: FILE without its folder");
  command.option({"--header", "K=V", "a header; may be given again"}, &options.headers,
                 header_in(options.headers), /*repeats=*/true);
  command.one_of(
      "--sync", publishing.sync, "HOW",
      "durable (default); fs: one sync of the file system for many messages; none",
      {{"durable", PutSync::durable}, {"fs", PutSync::file_system}, {"none", PutSync::none}});
  command.flag("--each-line", each_line, "one message for each line, without its newline");
  command.flag("--each-nul", each_nul, "one message for each part that ends in a NUL byte");
  command.excludes(&options.delay, &options.due);
  command.excludes(&each_line, &each_nul);
  command.example("spoolq put jobs cat.jpg", "the file becomes a message; its id is printed");
  command.example("date | spoolq put jobs", "a message from standard input");
  command.example("spoolq put jobs --delay 10m --header user=7 cat.jpg", "later, with a header");
  command.example("find . -name '*.jpg' -print0 | spoolq put jobs --each-nul",
                  "one message for each name");
  command.details =
      R"(Without FILE, or where FILE is -, the payload is standard input. Ids are printed one a line,
each as soon as its message would survive a power cut. A FILE that cannot be read is
reported and the others are put; the exit code is that of the first error.
With --each-line an empty line is an empty message, and the last line needs no newline.
Header names are of a-z 0-9 . _ -, all headers together at most 2,048 bytes; key, type and name
at most 98 bytes in the file's name. Nothing is deduplicated or ordered by the key. A message
whose time to live is over goes to failed/.
--sync=fs puts up to 128 messages between two syncs of the whole file system (syncfs); what
standard input is slow to give is not waited for. --sync=none syncs nothing: such messages
survive the death of the program, not of the machine.)";
  if (!command.parse(console)) return kExitDone;
  publishing.named = command.given(&options.name);
  std::optional<char> end_of_part;
  if (each_line) end_of_part = '\n';
  if (each_nul) end_of_part = '\0';
  std::vector<std::string> names = command.rest();
  if (names.empty()) {
    if (::isatty(STDIN_FILENO) == 1) {
      command.wrong_use("standard input is a terminal; name a file, or - to type the message",
                        true);
    }
    names.emplace_back("-");
  }
  console.out.check();
  const StopOnSignals stop_on_signals;
  Publisher publisher{command.queue(), publishing, console};
  ErrorReport errors{console};
  try {
    for (const std::string& name : names) {
      try {
        put_source(name, publisher, end_of_part, errors);
      } catch (const SourceFailure& failure) {
        errors.add(failure);
      } catch (const Error& error) {
        // Too large is this file; anything else would meet the next one too.
        if (error.code() != errc::too_large) throw;
        const std::string source = name == "-" ? "standard input" : escape(name);
        errors.add(fmt::format("{}: {}", source, describe(error)), kExitBadValue);
      }
    }
    publisher.flush();
  } catch (const Error& error) {
    errors.add(Failure{error});
  }
  return errors.code();
}

}  // namespace spoolq::cli
