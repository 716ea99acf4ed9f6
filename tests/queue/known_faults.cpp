// A row goes when its fault is mended.
#include "tests/queue/known_faults.hpp"

namespace spoolq::test {

const std::vector<KnownFault>& known_faults() {
  static const std::vector<KnownFault> all{
      // A rename of a name onto itself deletes the only name.
      {"extend x extend, a detached claim", "'the message of both' must be there"},
      {"move x move, one inbox of two queues", "'the message of both' must be there"},
      {"release x move, one inbox of two queues", "'the message of both' must be there"},
      {"move x move by copy, one inbox of two queues", "'the message of both' must be there"},
      {"move x hand over, one inbox of two queues", "'the message of both' must be there"},
      {"move x hand over by copy, one inbox of two queues", "'the message of both' must be there"},
      // A message that is not ready is copied without a claim, and the copy is taken back when
      // another
      // mover was first, which relies on it.
      {"move x move by copy, a failed message", "'the message of both' must be there"},
      {"move by copy x move by copy, a failed message", "'the message of both' must be there"},
      {"move by copy x move by copy, half a copy of a failed message",
       "'the message of both' must be there"},
      // A second name is dropped, moved or removed as if it were the only one.
      {"claim and ack x reclaim, a message with two names", "'the message of both' must be gone"},
      {"claim and ack x rm, a message with two names", "'the message of both' must be gone"},
      {"claim and ack x move, a message with two names",
       "'the message of both' must be there and was delivered 2"},
      {"claim and ack x move by copy, a message with two names",
       "'the message of both' must be there and was present 2"},
      // Second names are dropped while a lease is over, with the name that the reaper has given.
      {"claim x reclaim of a slow claim, a ready message with a lease and a backup",
       "'the message of both' must be there"},
      {"claim and ack x reclaim of a slow claim, a ready message with a lease and a backup",
       "'the message of both' must be there"},
      {"release x reclaim of a slow claim, a ready message with a lease and a backup",
       "'the message of both' must be there"},
      {"fail x reclaim of a slow claim, a ready message with a lease and a backup",
       "'the message of both' must be there"},
      {"reclaim of a slow claim x hand over, a ready message with a lease and a backup",
       "'the message of both' must be there"},
      {"reclaim of a slow claim x hand over by copy, a ready message with a lease and a backup",
       "'the message of both' must be there"},
      // A writer comes between the look and the copy.
      {"move by copy x a writer that appends, an inbox",
       "'the message of both, and more' must be there"},
      // A second link makes a file count as complete.
      {"claim x an upload beside a backup, an empty inbox", "'the other's message' was taken"},
      {"claim and ack x an upload beside a backup, an empty inbox",
       "'the other's message' was taken"},
      {"release x an upload beside a backup, an empty inbox", "'the other's message' was taken"},
      {"fail x an upload beside a backup, an empty inbox", "'the other's message' was taken"},
      {"move x an upload beside a backup, an empty inbox", "'the other's message' was taken"},
      {"move by copy x an upload beside a backup, an empty inbox",
       "'the other's message' was taken"},
      {"hand over x an upload beside a backup, an empty inbox", "'the other's message' was taken"},
      {"hand over by copy x an upload beside a backup, an empty inbox",
       "'the other's message' was taken"},
      // Settings are read, changed and replaced.
      {"init x init, no queue", "the setting"},
      {"init x init, an empty queue", "the setting"},
      {"init x configure, an empty queue", "the setting"},
      {"configure x configure, an empty queue", "the setting"},
  };
  return all;
}

}  // namespace spoolq::test
