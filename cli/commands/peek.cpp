// spoolq peek: prints the next payloads, taking nothing.
#include "cli/commands/commands.hpp"
#include "cli/commands/payload.hpp"

namespace spoolq::cli {

int peek_command(Command& command, Console& console) {
  std::size_t count = 1;
  command.describe("peek", "print the next payloads, taking nothing");
  command.number("-n", count, 0, kCountMax, "the next N; default 1; 0: all");
  command.example("spoolq peek jobs", "the payload of the next message, which stays ready");
  if (!command.parse(console)) return kExitDone;
  const Queue queue = open_queue(command.queue(), console);
  std::size_t shown = 0;
  for (const MessageInfo& info : queue.list(State::ready)) {
    if (count != 0 && shown == count) break;
    try {
      print_payload(queue, info, console.out);
      ++shown;
    } catch (const Error& error) {
      if (error.code() != errc::no_such_message) throw;  // Else a consumer took it meanwhile.
    }
  }
  return shown > 0 ? kExitDone : kExitNo;
}

}  // namespace spoolq::cli
