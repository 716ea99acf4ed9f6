// Puts files into a queue and prints the id of each once it is safe on disk.
//
//   producer QUEUE FILE...
#include <sysexits.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <spoolq/producer.hpp>
#include <vector>

int main(int argc, char** argv) try {
  const std::vector<std::filesystem::path> arguments{argv + 1, argv + argc};
  if (arguments.size() < 2) {
    std::cerr << "usage: producer QUEUE FILE...\n";
    return EX_USAGE;
  }
  // Makes the queue if there is none. Doing it again changes nothing.
  spoolq::Producer jobs{spoolq::Queue::init(arguments.front())};
  for (auto path = arguments.begin() + 1; path != arguments.end(); ++path) {
    std::ifstream file{*path, std::ios::binary};
    // A file that cannot be read is an error of the stream, which put() does not overlook.
    const spoolq::MessageId id =
        jobs.put(file, {.name = path->filename(), .headers = {{"from", path->string()}}});
    // Not before put() has returned: now the file may be deleted, the message survives a power cut.
    std::cout << id.to_string() << '\n' << std::flush;
  }
  return EX_OK;
} catch (const spoolq::Error& error) {
  std::cerr << "producer: " << error.what() << '\n';
  // Nothing was written, and the same call may succeed later: whoever called us may try again.
  return error.code() == spoolq::condition::temporary ? EX_TEMPFAIL : EX_IOERR;
}
