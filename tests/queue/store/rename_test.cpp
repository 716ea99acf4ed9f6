// The one rename of messages: what it answers to every errno.
#include "queue/store/rename.hpp"

#include <cstdio>

#include "queue/format/message_id.hpp"
#include "queue/maintenance/reap.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

using detail::Ballast;
using detail::Destination;

/// Renames fail as `answer` says, which gets the flags; 0 lets the call through.
class RenameSys final : public ForwardingSys {
 public:
  RenameSys(Sys& inner, std::function<int(const CallInfo&)> answer)
      : ForwardingSys{inner}, answer_{std::move(answer)} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::renameat2) return std::nullopt;
    const int error = answer_(info);
    return error == 0 ? std::nullopt : std::optional{SysResult::failure(error)};
  }

 private:
  std::function<int(const CallInfo&)> answer_;
};

/// Something happens before each call.
class MeddlingSys final : public ForwardingSys {
 public:
  MeddlingSys(Sys& inner, std::function<void()> meddle)
      : ForwardingSys{inner}, meddle_{std::move(meddle)} {}

 protected:
  std::optional<SysResult> before(const CallInfo&) override {
    meddle_();
    return std::nullopt;
  }

 private:
  std::function<void()> meddle_;
};

/// A file in new/ under that name, to be renamed into failed/.
struct RenameWorld : World {
  MessageName name;
  std::string file;
  Destination target;

  RenameWorld() {
    name.id = detail::process_message_ids().next(queue->now());
    name.size = 3;
    file = format_name(name);
    disk.plant_file(path(Folder::ready, file), "one");
    target = {State::failed, name, {}};
  }
  std::optional<std::string> rename(Ballast ballast = Ballast::give) {
    return rename_from(*queue, ballast);
  }
  std::optional<std::string> rename_through(Sys& sys, Ballast ballast = Ballast::give) {
    return rename_from(*open(sys), ballast);
  }

 private:
  std::optional<std::string> rename_from(OpenQueue& opened, Ballast ballast) {
    const auto moved = opened.store().move({Folder::ready, file}, target, ballast);
    return moved ? std::optional{moved->at.file()} : std::nullopt;
  }
};

}  // namespace

TEST_CASE("a message is renamed and the new name returned", "[queue][rename]") {
  RenameWorld world;
  CHECK(world.rename() == world.file);
  CHECK(world.names(Folder::failed) == std::vector{world.file});
  CHECK(world.count(Folder::ready) == 0);
  CHECK(world.log.size() == 0);
}

TEST_CASE("a message that is gone is somebody else's", "[queue][rename]") {
  RenameWorld world;
  world.disk.unlink(world.path(Folder::ready, world.file));
  CHECK(world.rename() == std::nullopt);
}

TEST_CASE("a second name of one file is removed, not renamed", "[queue][rename]") {
  RenameWorld world;
  world.disk.plant_hard_link(world.path(Folder::ready, world.file),
                             world.path(Folder::failed, world.file));
  CHECK(world.rename() == world.file);
  CHECK(world.names(Folder::failed) == std::vector{world.file});
  CHECK(world.count(Folder::ready) == 0);
  CHECK(world.log.size() == 0);
}

TEST_CASE("a rename of a name onto itself is a success and changes nothing", "[queue][rename]") {
  RenameWorld world;
  const Destination itself{State::ready, world.name, {}};
  const std::string before = world.disk.dump();
  world.disk.clear_calls();
  const detail::Location place{Folder::ready, world.file};
  CHECK(world.queue->store().move(place, itself).value().at == place);
  // So it is where the folder has been opened twice, as the inbox of two queues may be.
  const auto other = world.open(world.disk);
  CHECK(world.queue->store().move(place, other->store(), itself).value().at == place);
  CHECK(world.disk.dump() == before);
  int renames = 0;
  for (const CallRecord& each : world.disk.calls()) renames += each.call == Call::renameat2 ? 1 : 0;
  CHECK(renames == 2);
}

TEST_CASE("a second name that has become the only one is not removed", "[queue][rename]") {
  // Before each call in turn another process removes the source as a second name, too, and moves
  // the target back to where the source was.
  const auto from = GENERATE(Folder::ready, Folder::claimed);
  bool moved = true;
  for (int nth = 1; moved; ++nth) {
    INFO(nth);
    RenameWorld world;
    MessageName name = world.name;
    if (from == Folder::claimed) name.claim = kDeadClaim;
    const std::string source = format_name(name);
    const std::string target = world.path(Folder::failed, world.file);
    world.disk.plant_hard_link(world.path(Folder::ready, world.file), target);
    if (from == Folder::claimed) {
      world.disk.plant_hard_link(target, world.path(from, source));
      world.disk.unlink(world.path(Folder::ready, world.file));
    }
    moved = false;
    int calls = nth;  // None while the queue is opened.
    MeddlingSys sys{world.disk, [&] {
                      if (++calls != nth) return;
                      moved = true;
                      const int dir = world.queue->fd(from);
                      const int failed = world.queue->fd(Folder::failed);
                      static_cast<void>(world.disk.unlinkat(dir, source.c_str()));
                      static_cast<void>(
                          world.disk.renameat2(failed, world.file.c_str(), dir, source.c_str(), 0));
                    }};
    const auto queue = world.open(sys);
    calls = 0;
    static_cast<void>(queue->store().move({from, source}, world.target));
    CHECK(world.count(Folder::ready) + world.count(Folder::failed) + world.count(Folder::claimed) >=
          1);
  }
}

TEST_CASE("a rename that a reaper finishes is done", "[queue][rename]") {
  // The target is a second name of the source when it is seen first. Then another process removes
  // the target, and a reaper takes what was seized for that of a dead process.
  RenameWorld world;
  world.disk.plant_hard_link(world.path(Folder::ready, world.file),
                             world.path(Folder::failed, world.file));
  bool meddled = false;
  MeddlingSys sys{world.disk, [&] {
                    if (meddled || world.count(Folder::claimed) == 0) return;
                    meddled = true;
                    world.disk.unlink(world.path(Folder::failed, world.file));
                    CHECK(detail::reap(*world.queue).returned == 1);
                  }};
  CHECK(world.rename_through(sys) == world.file);
  CHECK(meddled);
  CHECK(world.names(Folder::failed) == std::vector{world.file});
  CHECK(world.count(Folder::ready) + world.count(Folder::claimed) == 0);
}

TEST_CASE("another file of that name is kept, and both are told apart", "[queue][rename]") {
  RenameWorld world;
  world.disk.plant_file(world.path(Folder::failed, world.file), "two");
  world.target.name.copy = 1;
  world.disk.plant_file(world.path(Folder::failed, format_name(world.target.name)), "three");
  world.target.name.copy.reset();
  const auto renamed = world.rename();
  REQUIRE(renamed);
  CHECK(detail::parse_name(*renamed)->copy == 2);
  CHECK(detail::parse_name(*renamed)->id == world.name.id);
  CHECK(world.disk.read_file(world.path(Folder::failed, *renamed)) == "one");
  CHECK(world.disk.read_file(world.path(Folder::failed, world.file)) == "two");
  CHECK(world.count(Folder::failed) == 3);
  CHECK(world.log.has("keeping both"));
  CHECK(world.log.size() == 1);
}

TEST_CASE("a rename that finds no room gets the ballast's", "[queue][rename][full]") {
  const int error = GENERATE(ENOSPC, EDQUOT);
  RenameWorld world;
  RenameSys sys{world.disk,
                [&](const CallInfo&) { return world.disk.exists("/q/ballast") ? error : 0; }};
  CHECK(world.rename_through(sys) == world.file);
  CHECK_FALSE(world.disk.exists("/q/ballast"));
  CHECK(world.log.has("ballast"));
}

TEST_CASE("a second name that finds no room in cur/ gets the ballast's", "[queue][rename][full]") {
  const int error = GENERATE(ENOSPC, EDQUOT);
  RenameWorld world;
  world.disk.plant_hard_link(world.path(Folder::ready, world.file),
                             world.path(Folder::failed, world.file));
  RenameSys sys{world.disk, [&](const CallInfo& info) {
                  const bool is_seized =
                      std::string_view{info.to}.find(",R=") != std::string_view::npos;
                  return is_seized && world.disk.exists("/q/ballast") ? error : 0;
                }};
  CHECK(world.rename_through(sys) == world.file);
  CHECK_FALSE(world.disk.exists("/q/ballast"));
  CHECK(world.count(Folder::ready) + world.count(Folder::claimed) == 0);
}

TEST_CASE("without ballast, or where that is not enough, a full disk is an error",
          "[queue][rename][full]") {
  const int error = GENERATE(ENOSPC, EDQUOT);
  RenameWorld world;
  int renames = 0;
  RenameSys sys{world.disk, [&](const CallInfo&) {
                  ++renames;
                  return error;
                }};
  CHECK(error_of([&] { return world.rename_through(sys); }) == errno_code(error));
  CHECK(renames == 2);
  CHECK(error_of([&] { return world.rename_through(sys); }) == errno_code(error));
  CHECK(world.names(Folder::ready) == std::vector{world.file});
}

TEST_CASE("a rename that must not have the ballast leaves it", "[queue][rename][full]") {
  RenameWorld world;
  RenameSys sys{world.disk, [](const CallInfo&) { return ENOSPC; }};
  CHECK(error_of([&] { return world.rename_through(sys, Ballast::keep); }) == errno_code(ENOSPC));
  CHECK(world.disk.exists("/q/ballast"));
}

TEST_CASE("where RENAME_NOREPLACE is unknown, a look and a plain rename do", "[queue][rename]") {
  const int error = GENERATE(EINVAL, ENOSYS);
  RenameWorld world;
  RenameSys sys{world.disk, [&](const CallInfo& info) { return info.flags != 0 ? error : 0; }};
  SECTION("free") { CHECK(world.rename_through(sys) == world.file); }
  SECTION("another file") {
    world.disk.plant_file(world.path(Folder::failed, world.file), "two");
    const auto renamed = world.rename_through(sys);
    REQUIRE(renamed);
    CHECK(detail::parse_name(*renamed)->copy == 1);
    CHECK(world.disk.read_file(world.path(Folder::failed, world.file)) == "two");
  }
  SECTION("the same file") {
    world.disk.plant_hard_link(world.path(Folder::ready, world.file),
                               world.path(Folder::failed, world.file));
    CHECK(world.rename_through(sys) == world.file);
    CHECK(world.count(Folder::failed) == 1);
  }
  SECTION("gone") {
    world.disk.unlink(world.path(Folder::ready, world.file));
    CHECK(world.rename_through(sys) == std::nullopt);
    return;
  }
  CHECK(world.count(Folder::ready) == 0);
}

TEST_CASE("every other errno is thrown, and the message stays", "[queue][rename]") {
  const int error = GENERATE(EPERM, EACCES, EXDEV, EROFS, EIO, ENOTDIR, ENAMETOOLONG);
  RenameWorld world;
  RenameSys sys{world.disk, [&](const CallInfo&) { return error; }};
  CHECK(error_of([&] { return world.rename_through(sys); }) == errno_code(error));
  CHECK(world.names(Folder::ready) == std::vector{world.file});
  CHECK(world.count(Folder::failed) == 0);
}

}  // namespace spoolq::test
