// spoolq cat: prints the payload of a message.
#include "cli/commands/commands.hpp"
#include "cli/commands/payload.hpp"

namespace spoolq::cli {

int cat_command(Command& command, Console& console) {
  command.describe("cat", "print the payload of a message", "Q ID", 2, 2);
  command.example("spoolq cat jobs 97d0a11c", "the payload of a message, which stays where it is");
  command.details = R"(Its size and checksum are compared at the end: 65 when they do not match.
ID is a whole id, four or more of its first or last characters, the path of the message's file,
or @oldest or @newest of those that are not done.)";
  if (!command.parse(console)) return kExitDone;
  const Queue queue = open_queue(command.queue(), console);
  print_payload(queue, find_any(queue, command.arguments()[1]), console.out);
  return kExitDone;
}

}  // namespace spoolq::cli
