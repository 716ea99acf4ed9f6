// Files in tmp/: writers make and publish them, the sweep removes those of dead writers.
#include "queue/store/draft.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include "queue/format/message_id.hpp"
#include "queue/os/unique_fd.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/mutant_sys.hpp"

namespace spoolq::test {
namespace {

using detail::DraftFile;
using detail::UniqueFd;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kPending = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";

/// Opens a file of the queue as another process has it open.
UniqueFd hold_open(World& world, Folder folder, const std::string& file, int flags) {
  const auto opened = world.disk.openat(world.queue->fd(folder), file.c_str(), flags);
  REQUIRE(opened.ok());
  return UniqueFd{world.disk, opened.fd()};
}

/// Runs a function once, just before the first call of a kind.
class BeforeFirst final : public ForwardingSys {
 public:
  BeforeFirst(Sys& inner, Call call, std::function<void()> act)
      : ForwardingSys{inner}, call_{call}, act_{std::move(act)} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call == call_) {
      if (const auto act = std::exchange(act_, {})) act();
    }
    return std::nullopt;
  }

 private:
  Call call_;
  std::function<void()> act_;
};

/// Removes each file of tmp/ before each lock, as a sweep after a jump of the clock does.
class SweptSys final : public ForwardingSys {
 public:
  explicit SweptSys(World& world) : ForwardingSys{world.disk}, world_{world} {}
  int sweeps = 0;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::flock) return std::nullopt;
    for (const std::string& file : world_.names(Folder::tmp)) {
      world_.disk.unlink(world_.path(Folder::tmp, file));
      ++sweeps;
    }
    return std::nullopt;
  }

 private:
  World& world_;
};

detail::Destination ready_as(World& world) {
  detail::Destination to;
  to.name.id = detail::process_message_ids().next(world.queue->now());
  return to;
}

}  // namespace

TEST_CASE("a draft is a locked file in tmp/ until it is destroyed", "[queue][draft]") {
  World world{{{"mode", "0750"}}};
  {
    const DraftFile draft{*world.queue, 3, std::nullopt};
    CHECK(draft.is_there());
    REQUIRE(world.count(Folder::tmp) == 1);
    const std::string file = world.names(Folder::tmp).front();
    CHECK(draft.path() == world.path(Folder::tmp, file));
    CHECK(detail::parse_name(file).value().priority == 3);
    const UniqueFd other = hold_open(world, Folder::tmp, file, O_RDONLY);
    CHECK(world.disk.flock(other.get(), LOCK_EX | LOCK_NB).error() == EWOULDBLOCK);
    struct stat status = {};
    REQUIRE(world.disk.fstat(draft.descriptor(), status).ok());
    CHECK((status.st_mode & 07777) == world.queue->settings()->file_mode());
  }
  CHECK(world.count(Folder::tmp) == 0);
}

TEST_CASE("a draft is published under the name of its destination, and stays", "[queue][draft]") {
  World world;
  const detail::Destination to = ready_as(world);
  {
    DraftFile draft{*world.queue, 5, to.name.id};
    CHECK(world.names(Folder::tmp) == std::vector{"5." + to.name.id.to_string()});
    const StoredMessage message = draft.publish(to, detail::Ballast::keep);
    CHECK(message.at == detail::Location{Folder::ready, to.file()});
    CHECK_FALSE(draft.is_there());
  }
  CHECK(world.count(Folder::tmp) == 0);
  CHECK(world.names(Folder::ready) == std::vector{to.file()});
}

TEST_CASE("a draft that another program has removed cannot be published", "[queue][draft]") {
  World world;
  DraftFile draft{*world.queue, 5, std::nullopt};
  world.disk.unlink(draft.path());
  CHECK(error_of([&] { return draft.publish(ready_as(world), detail::Ballast::keep); }) ==
        errno_code(ENOENT));
  CHECK(world.count(Folder::ready) == 0);
}

TEST_CASE("a draft is staged in another directory, and replaces no file there", "[queue][draft]") {
  World world;
  world.disk.plant_directory("/stage");
  const UniqueFd stage{world.disk,
                       world.disk.openat2(AT_FDCWD, "/stage", O_RDONLY | O_DIRECTORY, 0)};
  {
    DraftFile draft{*world.queue, 5, std::nullopt};
    draft.stage(stage.get(), "one");
    CHECK_FALSE(draft.is_there());
    DraftFile second{*world.queue, 5, std::nullopt};
    CHECK(error_of([&] { return second.stage(stage.get(), "one"), 0; }) == errno_code(EEXIST));
    CHECK(second.is_there());
  }
  CHECK(world.disk.list("/stage") == std::vector<std::string>{"one"});
  CHECK(world.count(Folder::tmp) == 0);
}

TEST_CASE("a draft that is swept each time before its lock is an error", "[queue][draft][sweep]") {
  World world;
  SweptSys sys{world};
  const auto queue = world.open(sys);
  CHECK(error_of([&] { return DraftFile{*queue, 5, std::nullopt}.is_there(); }) ==
        errno_code(EAGAIN));
  CHECK(sys.sweeps == 10);
  CHECK(world.count(Folder::tmp) == 0);
}

TEST_CASE("a draft that cannot be made leaves no file", "[queue][draft]") {
  /// One kind of call fails.
  class RefusingSys final : public ForwardingSys {
   public:
    RefusingSys(Sys& inner, Call call) : ForwardingSys{inner}, call_{call} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      return info.call == call_ ? std::optional{SysResult::failure(EIO)} : std::nullopt;
    }

   private:
    Call call_;
  };
  World world;
  const auto call = GENERATE(Call::flock, Call::fchmod);
  CAPTURE(to_string(call));
  RefusingSys sys{world.disk, call};
  const auto queue = world.open(sys);
  CHECK(error_of([&] { return DraftFile{*queue, 5, std::nullopt}.is_there(); }) == errno_code(EIO));
  CHECK(world.count(Folder::tmp) == 0);
}

TEST_CASE("the sweep removes what dead writers left, and nothing young or locked",
          "[queue][upkeep][sweep]") {
  World world;
  const std::string dead = world.path(Folder::tmp, kPending);
  world.disk.plant_file(dead, "x");
  CHECK(detail::sweep_drafts(*world.queue) == 0);
  world.disk.advance(seconds{59});
  CHECK(detail::sweep_drafts(*world.queue) == 0);
  {
    const UniqueFd writer = hold_open(world, Folder::tmp, kPending, O_WRONLY);
    REQUIRE(world.disk.flock(writer.get(), LOCK_EX).ok());
    world.disk.advance(hours{48});
    CHECK(detail::sweep_drafts(*world.queue) == 0);
  }
  CHECK(detail::sweep_drafts(*world.queue) == 1);
  CHECK_FALSE(world.disk.exists(dead));
}

TEST_CASE("a message being written is not swept", "[queue][upkeep][sweep]") {
  World world;
  Draft draft = Producer{handle(world.queue)}.draft();
  draft.write("slow");
  world.disk.advance(hours{48});
  CHECK(detail::sweep_drafts(*world.queue) == 0);
  draft.commit();
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("a file of another program is swept after 36 hours, never while it is open",
          "[queue][upkeep][sweep]") {
  const auto name = GENERATE(as<std::string>{}, "1795403405.M633299P10625Q1.vm", "upload.part",
                             "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1");
  World world;
  const std::string file = world.path(Folder::tmp, name);
  world.disk.plant_file(file, "x");
  world.disk.advance(hours{35});
  CHECK(detail::sweep_drafts(*world.queue) == 0);
  world.disk.advance(hours{2});
  for (const int flags : {O_RDONLY, O_WRONLY}) {
    const UniqueFd open = hold_open(world, Folder::tmp, name, flags);
    CHECK(detail::sweep_drafts(*world.queue) == 0);
  }
  CHECK(detail::sweep_drafts(*world.queue) == 1);
  CHECK_FALSE(world.disk.exists(file));
}

TEST_CASE("a file that replaces one that is swept keeps its name", "[queue][upkeep][sweep]") {
  // At each moment: before the look, between look and removal, after it.
  const auto call =
      GENERATE(Call::openat, Call::fstat, Call::set_lease, Call::renameat2, Call::fstatat);
  World world;
  const std::string file = world.path(Folder::tmp, "upload");
  world.disk.plant_file(file, "old");
  world.disk.advance(hours{37});
  BeforeFirst replacing{world.disk, call, [&] {
                          if (world.disk.exists(file)) world.disk.unlink(file);
                          world.disk.plant_file(file, "new");
                        }};
  const auto queue = world.open(replacing);
  detail::sweep_drafts(*queue);
  INFO(to_string(call));
  CHECK(world.disk.exists(file));
  CHECK(world.disk.read_file(file) == "new");
}

TEST_CASE("the sweep leaves directories and symbolic links alone", "[queue][upkeep][sweep]") {
  World world;
  world.disk.plant_directory(world.path(Folder::tmp, "rsync"));
  world.disk.plant_directory(world.path(Folder::tmp, kPending));
  world.disk.plant_symlink(world.path(Folder::tmp, "link"), world.path(Folder::ready, "victim"));
  world.disk.plant_fifo(world.path(Folder::tmp, "fifo"));
  world.disk.plant_file(world.path(Folder::ready, "victim"), "x");
  world.disk.advance(hours{1000});
  CHECK(detail::sweep_drafts(*world.queue) == 0);
  CHECK(world.count(Folder::tmp) == 4);
  CHECK(world.disk.exists(world.path(Folder::ready, "victim")));
}

TEST_CASE("a put survives a sweep between its open and its lock", "[queue][upkeep][sweep][put]") {
  const auto mutant = GENERATE(Mutant::none, Mutant::no_recheck_after_lock);
  World world;
  BeforeFirst sweeping{world.disk, Call::flock, [&] {
                         world.disk.advance(minutes{2});
                         CHECK(detail::sweep_drafts(*world.queue) == 1);
                       }};
  MutantSys sys{sweeping, mutant};
  bool accepted = true;
  try {
    put(world.open(sys), "x");
  } catch (const Error&) {
    accepted = false;
  }
  INFO(to_string(mutant));
  CHECK(accepted == (mutant == Mutant::none));
  CHECK(world.count(Folder::ready) == (accepted ? 1 : 0));
  CHECK(world.count(Folder::tmp) == 0);
}

}  // namespace spoolq::test
