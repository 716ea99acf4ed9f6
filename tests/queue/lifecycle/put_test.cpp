// The file of a message that is being written.
#include "queue/lifecycle/put.hpp"

#include "queue/format/message_id.hpp"
#include "queue/store/rename.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {

TEST_CASE("two copies of one message are written under two names", "[queue][put]") {
  World world;
  detail::Destination destination{State::ready, {}, {}};
  destination.name.id = detail::process_message_ids().next(world.queue->now());
  // What a program of before has left has the id in its name.
  world.disk.plant_file(world.path(Folder::tmp, "5." + destination.name.id.to_string()), "half");
  {
    detail::PendingMessage one{*world.queue, destination, 3};
    one.write("one");
    {
      detail::PendingMessage two{*world.queue, destination, 3};
      two.write("two");
      CHECK(world.count(Folder::tmp) == 3);
    }
    CHECK(world.count(Folder::tmp) == 2);
    one.publish();
  }
  CHECK(world.count(Folder::tmp) == 1);
  const StoredMessage message = only(*world.queue, State::ready);
  CHECK(message.name.id == destination.name.id);
  CHECK(world.disk.read_file(world.path(Folder::ready, message.at.file())) == "one");
}

}  // namespace spoolq::test
