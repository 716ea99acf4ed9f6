// TransferJournal: what is recorded of the files of one folder.
#include "producer/adopt/journal.hpp"

#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using detail::TransferJournal;

constexpr const char* kFolder = "/folder";
constexpr const char* kName = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1";

/// The key of a file with that inode number.
std::string key_of(ino_t inode, const struct timespec& born = {1'700'000'000, 5}) {
  struct stat status = {};
  status.st_ino = inode;
  status.st_size = 1;
  return detail::journal_key("report.txt", status, born);
}

/// A copy that waits in the journal's folder.
std::string plant_copy(World& world) {
  const std::string path = "/q/intake/" + world.disk.list("/q/intake").at(0) + "/" + kName;
  world.disk.plant_file(path, "x");
  return path;
}

}  // namespace

TEST_CASE("a file has another key when its inode, its birth or its name is another",
          "[producer][journal]") {
  const std::string key = key_of(12);
  CHECK(key.size() == 32);
  CHECK(key == key_of(12));
  CHECK(key != key_of(13));
  CHECK(key != key_of(12, {1'700'000'000, 6}));
  // Without a time of birth the key is made without it.
  CHECK(key != key_of(12, {}));
  struct stat status = {};
  status.st_ino = 12;
  status.st_size = 1;
  CHECK(detail::journal_key("other.txt", status, {}) != key_of(12, {}));
}

TEST_CASE("a record outlives its journal until its file is forgotten", "[producer][journal]") {
  World world;
  const std::string key = key_of(12);
  CHECK_FALSE(TransferJournal::exists(*world.queue, kFolder));
  {
    TransferJournal journal{*world.queue, kFolder};
    CHECK_FALSE(journal.has_marked(key));
    journal.add({{key, "-"}});
    CHECK(journal.has_marked(key));
  }
  CHECK(TransferJournal::exists(*world.queue, kFolder));
  CHECK_FALSE(TransferJournal::exists(*world.queue, "/other"));
  TransferJournal journal{*world.queue, kFolder};
  CHECK(journal.has_marked(key));
  CHECK_FALSE(journal.has_copied(key));
  CHECK_FALSE(journal.has_marked(key_of(13)));
  journal.forget({key});
  CHECK_FALSE(journal.has_marked(key));
}

TEST_CASE("a published copy is a ready message and on record", "[producer][journal]") {
  World world;
  const std::string key = key_of(12);
  TransferJournal journal{*world.queue, kFolder};
  plant_copy(world);
  journal.add({{key, kName}});
  CHECK_FALSE(journal.has_copied(key));
  journal.publish({{key, kName}});
  CHECK(journal.has_copied(key));
  CHECK(journal.copy_of(key) == detail::parse_name(kName));
  CHECK(world.names(Folder::ready) == std::vector<std::string>{kName});
}

TEST_CASE("the next journal publishes a copy that is on record and removes any other",
          "[producer][journal]") {
  const bool is_recorded = GENERATE(true, false);
  World world;
  const std::string key = key_of(12);
  std::string copy;
  {
    TransferJournal journal{*world.queue, kFolder};
    copy = plant_copy(world);
    if (is_recorded) journal.add({{key, kName}});
  }
  const TransferJournal journal{*world.queue, kFolder};
  CHECK_FALSE(world.disk.exists(copy));
  CHECK(world.count(Folder::ready) == (is_recorded ? 1 : 0));
  CHECK(journal.has_copied(key) == is_recorded);
}

TEST_CASE("one process has a folder's journal, others may look", "[producer][journal]") {
  World world;
  const TransferJournal journal{*world.queue, kFolder};
  CHECK(error_of([&] { return TransferJournal{*world.queue, kFolder}.folder(); }) ==
        errno_code(EAGAIN));
  CHECK_NOTHROW(TransferJournal{*world.queue, kFolder, TransferJournal::Access::look});
}

}  // namespace spoolq::test
