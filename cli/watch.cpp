// watch: what happens in a queue, as it happens.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "cli/commands.hpp"
#include "cli/documents.hpp"
#include "cli/exit_codes.hpp"
#include "cli/message_text.hpp"
#include "cli/queue_argument.hpp"
#include "cli/signals.hpp"
#include "cli/units.hpp"
#include "spoolq/monitor.hpp"

namespace spoolq::cli {
namespace {

/// A reader that has gone is noticed after this at the latest, also where nothing happens.
constexpr Duration kReaderCheck{1000};

/// Throws when standard output is a pipe or a socket that nobody reads any more.
void require_reader() {
  struct pollfd out = {.fd = STDOUT_FILENO, .events = 0, .revents = 0};
  if (::poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)) != 0) throw OutputError{EPIPE};
}

std::string line_of(const Console& console, const Event& event) {
  const std::string kind{to_string(event.kind)};
  const bool red = console.color && event.kind == EventKind::failed;
  return fmt::format("{}  {}{:<8}{}  {}{}{}\n", format_time(event.at), red ? "\x1b[31m" : "", kind,
                     red ? "\x1b[0m" : "", short_id(event.id), event.name.empty() ? "" : "  ",
                     escape(event.name));
}

}  // namespace

int run(const WatchArguments& arguments, Console& console) {
  console.out.check();
  Monitor monitor{open_queue(arguments.queue, console)};
  const StopOnSignals stop_on_signals{monitor};
  for (;;) {
    std::optional<Event> event = monitor.next(kReaderCheck);
    for (; event; event = monitor.next(Duration{0})) {
      if (event->kind == EventKind::overflow) {
        console.complain("more happened than the system keeps: some of it is not told");
      } else {
        console.out.write(arguments.json ? event_document(*event) : line_of(console, *event));
      }
    }
    console.out.flush();
    if (const int signal = stop_signal(); signal != 0) return kExitSignal + signal;
    require_reader();
  }
}

}  // namespace spoolq::cli
