// spoolq watch: tells what happens, as it happens.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/output/json.hpp"
#include "cli/output/message_text.hpp"
#include "cli/output/signals.hpp"
#include "spoolq/monitor.hpp"

namespace spoolq::cli {
namespace {

/// A reader that has gone is noticed after this at the latest, also where nothing happens.
constexpr Duration kReaderCheck{1000};

std::string line_of(const Console& console, const Event& event) {
  const std::string kind{to_string(event.kind)};
  const bool red = console.color && event.kind == EventKind::failed;
  return fmt::format("{}  {}{:<8}{}  {}{}{}\n", format_time(event.at), red ? "\x1b[31m" : "", kind,
                     red ? "\x1b[0m" : "", short_id(event.id), event.name.empty() ? "" : "  ",
                     escape(event.name));
}

}  // namespace

int watch_command(Command& command, Console& console) {
  bool json = false;
  command.describe("watch", "tell what happens, as it happens");
  command.flag("--json", json, "a JSON document for each event, one a line");
  command.example("spoolq watch jobs", "a line for each thing that happens, until Ctrl-C");
  command.example("spoolq watch jobs --json | head -1",
                  "the next thing that happens, for programs");
  command.details =
      R"(A line is the time, what happened, the end of the message's id, and its original file name.

  put        it is new: ready, or delayed
  claimed    a consumer has it
  gone       it is done, was removed, or went into another queue or into bad/
  returned   it is ready again: released, taken back, due, or retried
  delayed    it was given back, not to be delivered before some time
  failed     it was given up

In JSON, state is where the message is then, null when it is nowhere in the queue. What happened
before is not told. When more happens than the system keeps, some of it is lost, which is
reported. Watching takes nothing and slows nobody. INT and TERM end it (130, 143).)";
  if (!command.parse(console)) return kExitDone;
  console.out.check();
  Monitor monitor{open_queue(command.queue(), console)};
  const StopOnSignals stop_on_signals{monitor};
  for (;;) {
    std::optional<Event> event = monitor.next(kReaderCheck);
    for (; event; event = monitor.next(Duration{0})) {
      if (event->kind == EventKind::overflow) {
        console.complain("more happened than the system keeps: some of it is not told");
      } else {
        console.out.write(json ? event_document(*event) : line_of(console, *event));
      }
    }
    console.out.flush();
    if (const int signal = stop_signal(); signal != 0) return kExitSignal + signal;
    console.out.require_reader();
  }
}

}  // namespace spoolq::cli
