// Dropping the other names of a claimed message's file.
#include "queue/lifecycle/other_names.hpp"

#include "queue/store/consumer_locks.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {

TEST_CASE("second names of a claimed message are dropped, in every folder", "[queue][names]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  MessageName name = claimed.name;
  name.claim.clear();
  const std::string file = world.path(claimed.at.folder(), claimed.at.file());
  world.disk.plant_hard_link(file, world.path(Folder::ready, format_name(name)));
  world.disk.plant_hard_link(file, world.path(Folder::failed, format_name(name)));
  world.disk.plant_hard_link(
      file, world.path(Folder::later, format_delayed_name(world.queue->now(), name)));
  name.claim = "fedcba9876543210.7";
  world.disk.plant_hard_link(file, world.path(Folder::claimed, format_name(name)));
  CHECK_FALSE(detail::drop_other_names(*world.queue, claimed));
  CHECK(world.count(Folder::ready) + world.count(Folder::failed) + world.count(Folder::later) == 0);
  CHECK(world.names(Folder::claimed) == std::vector{claimed.at.file()});
}

TEST_CASE("only a second name of the same message is dropped", "[queue][names]") {
  World world;
  const detail::Registration living{*world.queue};
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  const std::string file = world.path(claimed.at.folder(), claimed.at.file());
  MessageName name = claimed.name;
  // A claim of the living, a detached one, mail, another id, another file.
  name.claim = living.consumer() + ".1";
  world.disk.plant_hard_link(file, world.path(Folder::claimed, format_name(name)));
  name.claim = "detached.0123456789abcdef";
  world.disk.plant_hard_link(file, world.path(Folder::claimed, format_name(name)));
  name.claim.clear();
  world.disk.plant_hard_link(file, world.path(Folder::claimed, format_name(name)));
  world.disk.plant_hard_link(file,
                             world.path(Folder::ready, "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60"));
  world.disk.plant_hard_link(file, world.path(Folder::ready, "backup.txt"));
  world.disk.plant_file(world.path(Folder::failed, format_name(name)), "x");
  CHECK(detail::drop_other_names(*world.queue, claimed));
  CHECK(world.count(Folder::claimed) == 4);
  CHECK(world.count(Folder::ready) == 2);
  CHECK(world.count(Folder::failed) == 1);
}

}  // namespace spoolq::test
