// spoolq stats: prints counts and ages.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/error_report.hpp"
#include "cli/output/json.hpp"

namespace spoolq::cli {
int stats_command(Command& command, Console& console) {
  bool json = false;
  command.describe("stats", "counts and ages", "Q...", 1, kUnlimited);
  command.elsewhere = {"count", "status", "info"};
  command.flag("--json", json, "a JSON document for each queue, one a line");
  command.example("spoolq stats jobs mail", "age of the oldest ready message, and counts");
  command.details =
      R"(Counted by folder: what is due or taken back with nobody there to do it (`spoolq reap`, or any
consumer) still counts as delayed or claimed. BAD is what is in the folder bad/: files that are
no messages, or damaged; spoolq never removes them. BYTES counts all but done and bad.)";
  if (!command.parse(console)) return kExitDone;
  Table table{{"QUEUE", ">OLDEST", ">READY", ">CLAIMED", ">DELAYED", ">FAILED", ">DONE", ">BAD",
               ">BYTES", ">CONSUMERS", "PAUSED"}};
  ErrorReport errors{console};
  for (const std::string& argument : command.arguments()) {
    errors.attempt([&] {
      const Stats stats = open_queue(argument, console).stats();
      if (json) return console.out.write(stats_document(stats, now()));
      const auto number = [](std::uint64_t value) { return fmt::format("{}", value); };
      table.add({escape(argument == "@" ? stats.path : argument),
                 stats.oldest_ready ? readable_duration(*stats.oldest_ready) : "-",
                 number(stats.ready), number(stats.claimed), number(stats.delayed),
                 number(stats.failed), number(stats.done), number(stats.bad),
                 readable_size(stats.bytes), number(stats.consumers), stats.paused ? "yes" : "no"});
    });
  }
  table.print(console);
  return errors.code();
}

}  // namespace spoolq::cli
