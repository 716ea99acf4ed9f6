// spoolq cat: prints the payload of a message.
#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/payload.hpp"

namespace spoolq::cli {
namespace {

constexpr Example kExamples[] = {
    {"spoolq cat jobs 97d0a11c", "the payload of a message, which stays where it is"},
};

constexpr std::string_view kDetails =
    R"(Its size and checksum are compared at the end: 65 when they do not match.
ID is a whole id, four or more of its first or last characters, the path of the message's file,
or @oldest or @newest of those that are not done.)";

int run(const Parsed& parsed, Console& console) {
  const Queue queue = open_queue(parsed.queue(), console);
  print_payload(queue, find_any(queue, parsed.rest().front()), console.out);
  return kExitDone;
}

}  // namespace

const Command kCatCommand{.name = "cat",
                          .group = Group::look,
                          .summary = "print the payload of a message",
                          .usage = "Q ID",
                          .arguments_min = 2,
                          .arguments_max = 2,
                          .examples = kExamples,
                          .details = kDetails,
                          .run = run};

}  // namespace spoolq::cli
