// Claims that a living consumer cannot finish for a while, or is not to hand to anybody.
#include <fcntl.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>

#include "queue/lifecycle/transitions.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/foreign_files.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "tests/consumer/running.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

using std::chrono::seconds;

/// Refuses calls of one kind, while it is told to.
class Refusing final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  std::set<Call> refused;
  int error = EIO;
  int into = -1;  ///< Only renames into this folder; -1: all.

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (!refused.contains(info.call)) return std::nullopt;
    if (info.call == Call::renameat2 && into >= 0 && info.to_dir != into) return std::nullopt;
    if (info.call == Call::fstatat && !std::string_view{info.name}.starts_with("5.")) {
      return std::nullopt;
    }
    return SysResult::failure(error);
  }
};

}  // namespace

TEST_CASE("a claim that can be neither looked at nor given back is given back later, uncounted",
          "[consumer][claim]") {
  World world;
  put(world.queue, "x");
  Refusing sys{world.disk};
  Consumer consumer{handle(world.open(sys))};
  // The rename into cur/ works, the look at the file fails, and so does the way back.
  sys.refused = {Call::fstatat, Call::renameat2};
  sys.into = detail::QueueAccess::open(consumer.queue())->fd(Folder::ready);
  CHECK(error_of([&] { return consumer.try_take(); }) == errno_code(EIO));
  REQUIRE(world.count(Folder::claimed) == 1);
  sys.refused.clear();
  const auto claim = consumer.take(seconds{20});
  REQUIRE(claim);
  CHECK(claim->info().attempts == 1);
}

TEST_CASE("a copy that is still under way and cannot be given back is given back later",
          "[consumer][claim]") {
  World world;
  put(world.queue, "x");
  const std::string file = only(*world.queue, State::ready).at.file();
  // Of the right size, and somebody writes it.
  const auto writer =
      world.disk.openat(world.queue->fd(Folder::ready), file.c_str(), O_WRONLY | O_CLOEXEC);
  REQUIRE(world.disk.write(writer.fd(), "y", 1).ok());
  Refusing sys{world.disk};
  Consumer consumer{handle(world.open(sys))};
  {
    auto claim = consumer.try_take();
    REQUIRE(claim);
    sys.refused = {Call::renameat2};
    CHECK(error_of([&] { return claim->payload(); }) == errno_code(EIO));
    CHECK_FALSE(claim->held());
  }
  REQUIRE(world.count(Folder::claimed) == 1);
  sys.refused.clear();
  REQUIRE(world.disk.close(writer.fd()).ok());
  const auto claim = consumer.take(seconds{20});
  REQUIRE(claim);
  CHECK(claim->info().attempts == 1);
}

TEST_CASE("an expired message for which failed/ has no room is in nobody's way",
          "[consumer][claim][full]") {
  World world;
  PutOptions short_lived;
  short_lived.time_to_live = seconds{1};
  short_lived.priority = 0;
  put(world.queue, "expired", short_lived);
  put(world.queue, "alive");
  world.disk.advance(seconds{5});
  Refusing sys{world.disk};
  const auto queue = world.open(sys);
  sys.refused = {Call::renameat2};
  sys.into = queue->fd(Folder::failed);
  sys.error = ENOSPC;
  Consumer consumer{handle(queue)};
  auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->payload() == "alive");
}

TEST_CASE("a stranger's file whose consumer died before it was synced is synced by the next one",
          "[consumer][claim][strangers]") {
  World world;
  world.disk.plant_file(world.path(Folder::ready, "report.txt"), "whole");
  world.disk.advance(std::chrono::hours{1});
  // What a consumer leaves that dies between the rename and the sync.
  const auto name = world.queue->store().derive_name({Folder::ready, "report.txt"}, "report.txt");
  REQUIRE(name);
  REQUIRE(detail::claim(*world.queue, {{Folder::ready, "report.txt"}, *name}, kDeadClaim));
  REQUIRE(detail::reap(*world.queue).returned == 1);
  CountingSys sys{world.disk};
  Consumer consumer{handle(world.open(sys))};
  const auto before = sys.count(Call::fsync);
  auto claim = consumer.try_take();
  REQUIRE(claim);
  // The file, and cur/.
  CHECK(sys.count(Call::fsync) == before + 2);
  CHECK(claim->info().name == "report.txt");
  claim->ack();
  // A message of ours needs none before it is handed out.
  put(world.queue, "ours");
  const auto after = sys.count(Call::fsync);
  const auto ours = consumer.try_take();
  REQUIRE(ours);
  CHECK(sys.count(Call::fsync) == after);
}

TEST_CASE("what was claimed ahead and has expired meanwhile reaches no handler",
          "[consumer][run][expiry]") {
  RealQueue queue;
  queue.put("first");
  PutOptions short_lived;
  short_lived.time_to_live = Duration{3000};
  queue.put("expires", short_lived);
  Gate gate;
  std::atomic<int> handled{0};
  Consumer consumer = queue.consumer();
  RunOptions options = until_empty();
  options.prefetch = 1;
  Background run{consumer,
                 [&](Claim&) {
                   ++handled;
                   gate.wait();
                 },
                 options};
  REQUIRE(eventually([&] { return queue.count(Folder::claimed) == 2; }));
  const auto put_at = queue.open().list(State::claimed).at(1).enqueued();
  REQUIRE(eventually([&] {
    return std::chrono::system_clock::now() > put_at + *short_lived.time_to_live + Duration{1};
  }));
  gate.open();
  CHECK(run.ends());
  CHECK(handled == 1);
  CHECK(queue.count(Folder::failed) == 1);
}

TEST_CASE("in a queue with a lease nothing is claimed ahead", "[consumer][run][lease]") {
  RealQueue queue{{{"lease", "1h"}}};
  put_many(queue, 3);
  Gate gate;
  Consumer consumer = queue.consumer();
  RunOptions options = until_empty();
  options.prefetch = 2;
  Background run{consumer, [&](Claim&) { gate.wait(); }, options};
  REQUIRE(gate.has(1));
  // A put is an occasion to claim too much.
  queue.put("one more");
  std::this_thread::sleep_for(std::chrono::milliseconds{50});
  CHECK(queue.count(Folder::claimed) == 1);
  gate.open();
  CHECK(run.ends());
}

TEST_CASE("a run that is to end when nothing is ready does not wait for its pace",
          "[consumer][run]") {
  RealQueue queue;
  queue.put("x");
  Consumer consumer = queue.consumer();
  RunOptions options = until_empty();
  int asked = 0;
  options.pace = [&asked] { return ++asked == 1 ? Duration{0} : Duration{std::chrono::hours{1}}; };
  Background run{consumer, [](Claim&) {}, options};
  CHECK(run.ends());
  CHECK(queue.count(Folder::ready) == 0);
}

TEST_CASE("a run that is to end when nothing is ready waits for a copy that is under way",
          "[consumer][run]") {
  RealQueue queue{{{"settle", "1s"}}};
  queue.put("0123456789");
  const std::string file = queue.names(Folder::ready).at(0);
  // As `cp -r` of another queue: the name says ten bytes.
  const std::string path = queue.path(Folder::ready, file);
  std::filesystem::remove(path);
  write_file(path, "01234");
  std::atomic<int> handled{0};
  Consumer consumer = queue.consumer();
  Background run{consumer, [&](Claim&) { ++handled; }, until_empty()};
  REQUIRE(eventually([&] { return queue.log.has("its name says 10"); }));
  CHECK_FALSE(run.over());
  write_file(path, "0123456789");
  CHECK(run.ends());
  CHECK(handled == 1);
}

TEST_CASE("an extended claim keeps its whole name", "[consumer][claim][lease]") {
  World world;
  const std::string name(180, 'n');
  PutOptions named;
  named.name = name;
  put(world.queue, "x", named);
  Consumer consumer{handle(world.queue)};
  auto claim = consumer.try_take();
  REQUIRE(claim);
  REQUIRE(claim->info().name == name);
  const std::string path = claim->path();
  claim->extend();
  CHECK(claim->info().name == name);
  CHECK(claim->path() != path);
}

}  // namespace spoolq::test
