// spoolq put: puts messages into a queue.
#include <fmt/format.h>
#include <unistd.h>

#include <optional>
#include <vector>

#include "cli/commands/commands.hpp"
#include "cli/commands/publisher.hpp"
#include "cli/commands/put_source.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/signals.hpp"
#include "cli/output/units.hpp"
#include "spoolq/producer.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"send"};

constexpr OptionText kOptions[] = {
    {.name = "priority", .value = "N", .help = "0 (served first) to 9; default 5"},
    {.name = "delay", .value = "D", .help = "not before this long from now, such as 10m"},
    {.name = "at", .value = "T", .help = "not before this time: RFC 3339, or +10m"},
    {.name = "ttl", .value = "D", .help = "not delivered later than this after the put"},
    {.name = "key", .value = "KEY", .help = "a key, carried with the message"},
    {.name = "type", .value = "TYPE", .help = "content type"},
    {.name = "name",
     .value = "NAME",
     .help = "original file name; default: FILE without its folder"},
    {.name = "header", .value = "K=V", .help = "a header; may be given again"},
    {.name = "sync",
     .value = "HOW",
     .help = "durable (default); fs: one sync of the file system for many messages; none"},
    {.name = "each-line", .help = "one message for each line, without its newline"},
    {.name = "each-nul", .help = "one message for each part that ends in a NUL byte"},
};

constexpr Example kExamples[] = {
    {"spoolq put jobs cat.jpg", "the file becomes a message; its id is printed"},
    {"date | spoolq put jobs", "a message from standard input"},
    {"spoolq put jobs --delay 10m --header user=7 cat.jpg", "later, with a header"},
    {"find . -name '*.jpg' -print0 | spoolq put jobs --each-nul", "one message for each name"},
};

constexpr std::string_view kDetails =
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

Publishing parse_publishing(const Parsed& parsed) {
  Publishing publishing;
  PutOptions& options = publishing.options;
  options.priority = static_cast<int>(parsed.number("priority", 9).value_or(5));
  options.delay = parsed.duration("delay").value_or(Duration{0});
  if (const auto at = parsed.value("at")) {
    if (parsed.value("delay")) parsed.wrong_use("--delay and --at exclude each other");
    options.due = parse_time(*at, now());
    if (!options.due)
      parsed.bad_value("at", *at, "not a time such as 2026-11-23T03:16:21Z or +10m");
  }
  options.time_to_live = parsed.duration("ttl");
  options.key = parsed.value("key").value_or("");
  options.type = parsed.value("type").value_or("");
  publishing.named = parsed.value("name").has_value();
  options.name = parsed.value("name").value_or("");
  for (const std::string& header : parsed.values("header")) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos || equals == 0) {
      parsed.bad_value("header", header, "not NAME=VALUE");
    }
    options.headers[header.substr(0, equals)] = header.substr(equals + 1);
  }
  if (parsed.flag("each-line") && parsed.flag("each-nul")) {
    parsed.wrong_use("--each-line and --each-nul exclude each other");
  }
  publishing.sync = parsed.choice<PutSync>(
      "sync",
      {{"durable", PutSync::durable}, {"fs", PutSync::file_system}, {"none", PutSync::none}});
  return publishing;
}

int run(const Parsed& parsed, Console& console) {
  const Publishing publishing = parse_publishing(parsed);
  const Split split = parsed.flag("each-line")  ? Split::lines
                      : parsed.flag("each-nul") ? Split::nuls
                                                : Split::none;
  std::vector<std::string> names = parsed.rest();
  if (names.empty()) {
    if (::isatty(STDIN_FILENO) == 1) {
      parsed.wrong_use("standard input is a terminal; name a file, or - to type the message", true);
    }
    names.emplace_back("-");
  }
  console.out.check();
  const StopOnSignals stop_on_signals;
  Publisher publisher{parsed.queue(), publishing, console};
  ErrorReport errors{console};
  try {
    for (const std::string& name : names) {
      try {
        put_source(name, publisher, split, errors);
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

}  // namespace

const Command kPutCommand{.name = "put",
                          .aliases = kAliases,
                          .group = Group::send,
                          .summary = "put messages into a queue",
                          .usage = "Q [FILE...|-]",
                          .arguments_max = kUnlimited,
                          .options = kOptions,
                          .examples = kExamples,
                          .details = kDetails,
                          .run = run};

}  // namespace spoolq::cli
