// spoolq peek: prints the next payloads, taking nothing.
#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/payload.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {
    {.letter = 'n', .value = "N", .help = "the next N; default 1; 0: all"},
};

constexpr Example kExamples[] = {
    {"spoolq peek jobs", "the payload of the next message, which stays ready"},
};

int run(const Parsed& parsed, Console& console) {
  const Queue queue = open_queue(parsed.queue(), console);
  const std::size_t count = parsed.number("n", kCountMax).value_or(1);
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

}  // namespace

const Command kPeekCommand{.name = "peek",
                           .group = Group::look,
                           .summary = "print the next payloads, taking nothing",
                           .usage = "Q",
                           .options = kOptions,
                           .examples = kExamples,
                           .run = run};

}  // namespace spoolq::cli
