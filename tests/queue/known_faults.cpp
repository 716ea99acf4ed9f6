// A row goes when its fault is mended.
#include "tests/queue/known_faults.hpp"

namespace spoolq::test {

const std::vector<KnownFault>& known_faults() {
  static const std::vector<KnownFault> all{
      // A message with two names is moved, removed or reclaimed by one of them while the other is
      // acked.
      {"claim and ack x reclaim, a message with two names", "'the message of both' must be gone"},
      {"claim and ack x rm, a message with two names", "'the message of both' must be gone"},
      {"claim and ack x move, a message with two names", "'the message of both' must be gone"},
      {"claim and ack x move by copy, a message with two names",
       "'the message of both' must be gone"},
      // Two adopters find out late that a rename is refused, and both copy.
      {"adopt by copy x adopt by copy, a foreign folder",
       "'the message of both' must be there and was present"},
      // A removal by name takes the file that a writer has put there since the look.
      {"rm x a writer that replaces, an inbox", "'the other's message' must be there"},
      {"rm x a writer that replaces by more, an inbox",
       "'the other's message, and more' must be there"},
      // A lease that ends while its message is copied leaves the message in both queues.
      {"reclaim of a slow claim x hand over by copy, a ready message with a lease and a backup",
       "'the message of both' must be there and was present 2"},
      // Settings are read, changed and replaced.
      {"init x init, no queue", "the setting"},
      {"init x init, an empty queue", "the setting"},
      {"init x configure, an empty queue", "the setting"},
      {"configure x configure, an empty queue", "the setting"},
  };
  return all;
}

}  // namespace spoolq::test
