// Delayed messages whose time has come.
#include "queue/maintenance/due.hpp"

#include "queue/format/attributes.hpp"
#include "queue/os/unique_fd.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

PutOptions delayed(Duration delay, int priority = 5) {
  PutOptions options;
  options.delay = delay;
  options.priority = priority;
  return options;
}

Reason reason_of(World& world, const StoredMessage& message) {
  const detail::UniqueFd fd = world.queue->store().open(message.at);
  return detail::get_reason(world.disk, fd.get()).value_or(Reason{});
}

}  // namespace

TEST_CASE("messages that are due move in the order of their due times", "[queue][upkeep][due]") {
  World world;
  put(world.queue, "third", delayed(minutes{3}, 0));
  put(world.queue, "first", delayed(minutes{1}, 9));
  put(world.queue, "second", delayed(minutes{2}, 5));
  const Time next = world.queue->now() + hours{1};
  PutOptions options;
  options.due = next;
  put(world.queue, "tomorrow", options);
  CHECK(detail::move_due(*world.queue).moved == 0);
  world.disk.advance(minutes{4});
  world.disk.clear_calls();
  const detail::DueResult result = detail::move_due(*world.queue);
  CHECK(result.moved == 3);
  CHECK(result.next == next);
  std::vector<char> priorities;
  for (const CallRecord& each : world.disk.calls()) {
    if (each.call == Call::renameat2) priorities.push_back(each.to_path.at(7));  // "/q/new/P."
  }
  CHECK(priorities == std::vector{'9', '5', '0'});
  CHECK(world.count(Folder::later) == 1);
}

TEST_CASE("a message is due at its time, not before", "[queue][upkeep][due]") {
  World world;
  PutOptions options;
  options.due = world.queue->now() + minutes{1};
  put(world.queue, "x", options);
  const auto when = [](Time time) { return time.time_since_epoch(); };
  world.disk.set_realtime(when(*options.due) - std::chrono::milliseconds{1});
  CHECK(detail::move_due(*world.queue).moved == 0);
  world.disk.set_realtime(when(*options.due));
  CHECK(detail::move_due(*world.queue).moved == 1);
}

TEST_CASE("a delayed message that has expired fails when it is due", "[queue][upkeep][due]") {
  World world;
  PutOptions options = delayed(minutes{10});
  options.time_to_live = minutes{11};
  put(world.queue, "x", options);
  world.disk.advance(minutes{12});
  detail::move_due(*world.queue);
  CHECK(reason_of(world, only(*world.queue, State::failed)).text.find("expired") !=
        std::string::npos);
  CHECK(world.count(Folder::ready) == 0);
}

TEST_CASE("files in later/ that are no messages stay", "[queue][upkeep][due]") {
  World world;
  world.disk.plant_file(world.path(Folder::later, "notes.txt"), "x");
  world.disk.plant_file(world.path(Folder::later, "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60"), "x");
  CHECK(detail::move_due(*world.queue).moved == 0);
  CHECK(world.count(Folder::later) == 2);
}

TEST_CASE("ready messages that have expired move to failed/, others stay",
          "[queue][upkeep][expired]") {
  World world;
  PutOptions options;
  options.time_to_live = minutes{10};
  const MessageId expired = put(world.queue, "old", options);
  options.time_to_live = hours{1};
  const MessageId fresh = put(world.queue, "fresh", options);
  put(world.queue, "without an end");
  world.disk.plant_file(world.path(Folder::ready, "foreign.txt"), "x");
  world.disk.advance(minutes{11});
  CHECK(detail::expire_ready(*world.queue) == 1);
  CHECK(only(*world.queue, State::failed).name.id == expired);
  CHECK(world.count(Folder::ready) == 3);
  world.disk.advance(hours{1});
  CHECK(detail::expire_ready(*world.queue) == 1);
  CHECK(messages(*world.queue, State::failed).back().name.id == fresh);
}

}  // namespace spoolq::test
