// Which syncs each transition makes, how threads share them, and what a failed one ends.
#include "queue/store/durability.hpp"

#include <fmt/core.h>
#include <linux/magic.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "queue/lifecycle/put.hpp"
#include "queue/maintenance/cleanup.hpp"
#include "queue/maintenance/due.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/draft.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/mutant_sys.hpp"

namespace spoolq::test {
namespace {

using detail::GroupSync;
using Calls = std::vector<std::string>;

constexpr std::int64_t kXfs = 0x58465342;

/// A queue on a file system of that type.
struct TypedWorld : World {
  explicit TypedWorld(std::int64_t type, const std::vector<SettingChange>& settings = {})
      : World{settings} {
    disk.set_file_system_type(type);
    queue = open(disk);
    disk.clear_calls();
  }
  /// The syncs since the last call, and the fstat of each folder that was just synced.
  Calls syncs() {
    Calls made;
    std::string synced;
    for (const CallRecord& each : disk.calls()) {
      if (each.call == Call::fsync || each.call == Call::syncfs) {
        const bool in_tmp = each.path.starts_with("/q/tmp/");
        made.push_back(fmt::format("{} {}", to_string(each.call), in_tmp ? "file" : each.path));
        synced = each.path;
      } else if (each.call == Call::fstat && each.path == synced) {
        made.push_back(fmt::format("fstat {}", each.path));
        synced.clear();
      }
    }
    disk.clear_calls();
    return made;
  }
};

Calls folders(std::initializer_list<const char*> names) {
  Calls calls;
  for (const char* name : names) {
    calls.push_back(fmt::format("fsync /q/{}", name));
    calls.push_back(fmt::format("fstat /q/{}", name));
  }
  return calls;
}

/// What a put syncs on ext4 and xfs: the file, then the one folder.
Calls put_syncs(const char* folder) {
  Calls calls = folders({folder});
  calls.insert(calls.begin(), "fsync file");
  return calls;
}

/// Every transition after the put, with the folders it changes.
struct Transition {
  const char* name;
  Calls folders;
  std::function<void(OpenQueue&)> act;
};

std::vector<Transition> transitions() {
  return {
      {"claim", {}, [](OpenQueue& queue) { claim_only(queue); }},
      {"ack", folders({"cur"}),
       [](OpenQueue& queue) { acknowledge(queue, claim_only(queue), Sync::durable); }},
      {"ack without sync",
       {},
       [](OpenQueue& queue) { acknowledge(queue, claim_only(queue), Sync::none); }},
      {"release", folders({"new", "cur"}),
       [](OpenQueue& queue) { detail::release(queue, claim_only(queue), std::nullopt); }},
      {"release with delay", folders({"later", "cur"}),
       [](OpenQueue& queue) {
         detail::release(queue, claim_only(queue), queue.now() + std::chrono::hours{1});
       }},
      {"fail", folders({"failed", "cur"}),
       [](OpenQueue& queue) { detail::fail(queue, claim_only(queue), reason("no")); }},
      {"expire", folders({"failed", "new"}),
       [](OpenQueue& queue) { detail::expire(queue, only(queue, State::ready)); }},
      {"remove", folders({"new"}),
       [](OpenQueue& queue) { detail::remove(queue, only(queue, State::ready)); }},
      {"change of a claim",
       {},
       [](OpenQueue& queue) {
         detail::change_claim(queue, claim_only(queue), "detached.0123456789abcdef", queue.now());
       }},
      {"reap", folders({"new", "failed", "cur"}),
       [](OpenQueue& queue) {
         claim_only(queue);
         detail::reap(queue);
       }},
      {"reap of nothing", {}, [](OpenQueue& queue) { detail::reap(queue); }},
      {"sweep", {}, [](OpenQueue& queue) { detail::sweep_drafts(queue); }},
  };
}

/// Holds each sync at its beginning until the test lets it go on.
class Gate {
 public:
  int pass() {
    std::unique_lock lock{mutex_};
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [this] { return let_go_ >= arrived_; });
    return result_;
  }
  /// Waits until the sync number `count` has begun; false when it does not.
  bool await(int count) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return arrived_ >= count; });
  }
  void let_go(int count, int result = 0) {
    const std::lock_guard lock{mutex_};
    let_go_ = count;
    result_ = result;
    changed_.notify_all();
  }
  [[nodiscard]] int arrived() {
    const std::lock_guard lock{mutex_};
    return arrived_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int arrived_ = 0;
  int let_go_ = 0;
  int result_ = 0;
};

/// XFS after a shutdown: directories sync, and everything else fails with EIO.
class ShutDownSys final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  std::atomic<bool> shut_down{false};

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (!shut_down) return std::nullopt;
    if (info.call == Call::fsync) return SysResult::success();
    if (info.call == Call::fstat || info.call == Call::syncfs) return SysResult::failure(EIO);
    return std::nullopt;
  }
  SysResult after(const CallInfo& info, SysResult result) override {
    // The message is visible, and its folder will never reach the disk.
    if (info.call == Call::renameat2) shut_down = true;
    return result;
  }
};

/// Fails the next fsync when told to.
class FailingFsync final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  std::atomic<bool> fails{false};

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::fsync || !fails.exchange(false)) return std::nullopt;
    return SysResult::failure(EIO);
  }
};

}  // namespace

TEST_CASE("a put syncs its file, then the one folder on ext4 and xfs, else the file system",
          "[queue][durability]") {
  const auto type = GENERATE(std::int64_t{EXT4_SUPER_MAGIC}, kXfs, std::int64_t{BTRFS_SUPER_MAGIC},
                             std::int64_t{TMPFS_MAGIC}, std::int64_t{0});
  const bool per_folder = type == EXT4_SUPER_MAGIC || type == kXfs;
  const Calls whole{"fsync file", "syncfs /q"};
  TypedWorld world{type};
  put(world.queue, "x");
  CHECK(world.syncs() == (per_folder ? put_syncs("new") : whole));
  PutOptions options;
  options.delay = std::chrono::hours{1};
  put(world.queue, "x", options);
  CHECK(world.syncs() == (per_folder ? put_syncs("later") : whole));
  options.sync = Sync::none;
  put(world.queue, "x", options);
  CHECK(world.syncs() == Calls{});
}

TEST_CASE("on ext4 and xfs a transition syncs the folders of the page, in its order",
          "[queue][durability]") {
  const auto type = GENERATE(std::int64_t{EXT4_SUPER_MAGIC}, kXfs);
  for (const Transition& transition : transitions()) {
    TypedWorld world{type};
    put(world.queue, "x");
    world.disk.clear_calls();
    transition.act(*world.queue);
    INFO(transition.name);
    CHECK(world.syncs() == transition.folders);
  }
}

TEST_CASE("on every other file system each transition makes one syncfs", "[queue][durability]") {
  const auto type = GENERATE(std::int64_t{BTRFS_SUPER_MAGIC}, std::int64_t{TMPFS_MAGIC},
                             std::int64_t{0x2fc12fc1}, std::int64_t{0});
  for (const Transition& transition : transitions()) {
    TypedWorld world{type};
    put(world.queue, "x");
    world.disk.clear_calls();
    transition.act(*world.queue);
    INFO(transition.name);
    CHECK(world.syncs() == (transition.folders.empty() ? Calls{} : Calls{"syncfs /q"}));
  }
}

TEST_CASE("an ack into done/ syncs done/ first", "[queue][durability]") {
  TypedWorld world{EXT4_SUPER_MAGIC, {{"keep_done", "on"}}};
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  world.disk.clear_calls();
  acknowledge(*world.queue, claimed, Sync::durable);
  CHECK(world.syncs() == folders({"done", "cur"}));
}

TEST_CASE("retry syncs new/ and failed/", "[queue][durability]") {
  TypedWorld world{EXT4_SUPER_MAGIC};
  detail::fail(*world.queue, put_and_claim(*world.queue, "x"), reason("no"));
  world.disk.clear_calls();
  detail::retry(*world.queue, only(*world.queue, State::failed));
  CHECK(world.syncs() == folders({"new", "failed"}));
}

TEST_CASE("moving due messages syncs nothing", "[queue][durability]") {
  TypedWorld world{EXT4_SUPER_MAGIC};
  PutOptions options;
  options.delay = std::chrono::hours{1};
  put(world.queue, "x", options);
  world.disk.advance(std::chrono::hours{2});
  world.disk.clear_calls();
  CHECK(detail::move_due(*world.queue).moved == 1);
  CHECK(world.syncs() == Calls{});
}

TEST_CASE("who asks while a sync runs is served by one that starts afterwards",
          "[queue][durability][group]") {
  GroupSync group;
  Gate gate;
  constexpr int kWaiters = 8;
  std::atomic<int> returned{0};
  std::atomic<int> asking{0};
  const auto ask = [&] {
    ++asking;
    group.run([&] { return gate.pass(); });
    ++returned;
  };
  std::thread first{ask};
  CHECK(gate.await(1));
  std::vector<std::thread> waiters;
  for (int i = 0; i < kWaiters; ++i) waiters.emplace_back(ask);
  while (asking < kWaiters + 1) std::this_thread::yield();
  CHECK(returned == 0);
  gate.let_go(1);
  first.join();
  // The first sync began before they asked: it served nobody else.
  CHECK(gate.await(2));
  CHECK(returned == 1);
  gate.let_go(100);
  for (std::thread& waiter : waiters) waiter.join();
  CHECK(returned == kWaiters + 1);
  CHECK(gate.arrived() >= 2);
  CHECK(gate.arrived() <= kWaiters + 1);
}

TEST_CASE("threads that wait together share one sync", "[queue][durability][group]") {
  constexpr int kThreads = 8;
  int fewest = kThreads;
  // Which thread gets to wait in time is the scheduler's choice; it need not be lucky every time.
  for (int i = 0; i < 200 && fewest > 2; ++i) {
    GroupSync group;
    Gate gate;
    std::atomic<int> asking{0};
    std::vector<std::thread> threads;
    threads.emplace_back([&] { group.run([&] { return gate.pass(); }); });
    CHECK(gate.await(1));
    for (int waiter = 1; waiter < kThreads; ++waiter) {
      threads.emplace_back([&] {
        ++asking;
        group.run([&] { return gate.pass(); });
      });
    }
    while (asking < kThreads - 1) std::this_thread::yield();
    for (int turn = 0; turn < 100; ++turn) std::this_thread::yield();
    gate.let_go(100);
    for (std::thread& thread : threads) thread.join();
    fewest = std::min(fewest, gate.arrived());
  }
  CHECK(fewest == 2);
}

TEST_CASE("a failed sync fails for all who wait, and for all who come later",
          "[queue][durability][group]") {
  GroupSync group;
  Gate gate;
  std::atomic<int> failures{0};
  std::atomic<int> asking{0};
  const auto ask = [&] {
    ++asking;
    if (group.run([&] { return gate.pass(); }) == EIO) ++failures;
  };
  std::thread first{ask};
  CHECK(gate.await(1));
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; ++i) waiters.emplace_back(ask);
  while (asking < 5) std::this_thread::yield();
  gate.let_go(1, EIO);
  first.join();
  gate.let_go(100, 0);
  for (std::thread& waiter : waiters) waiter.join();
  CHECK(failures == 5);
  CHECK(group.run([] { return 0; }) == EIO);
}

TEST_CASE("after a failed sync the queue takes and ends no more messages until it is opened again",
          "[queue][durability][condemned]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "one");
  put(world.queue, "two");
  FailingFsync sys{world.disk};
  sys.fails = true;
  const auto queue = world.open(sys);
  detail::PendingMessage begun{*queue, PutOptions{}, std::nullopt};
  begun.write("begun before");
  CHECK(error_of([&] { return put(queue, "three"); }) == errno_code(EIO));
  const std::string before = world.disk.dump();
  world.disk.clear_calls();

  CHECK(error_of([&] { return put(queue, "four"); }) == errc::condemned);
  CHECK(error_of([&] {
          acknowledge(*queue, claimed, Sync::durable);
          return 0;
        }) == errc::condemned);
  CHECK(world.disk.dump() == before);
  for (const CallRecord& each : world.disk.calls()) {
    INFO(to_string(each));
    CHECK((each.call == Call::fstatat || each.call == Call::clock_gettime));
  }
  CHECK(error_of([&] {
          begun.publish();
          return 0;
        }) == errc::condemned);
  CHECK(world.count(Folder::ready) == 1);

  const auto again = world.open(world.disk);
  put(again, "five");
  acknowledge(*again, claimed, Sync::durable);
  CHECK(world.count(Folder::ready) == 2);
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("a put on XFS that has shut down throws, although the folder's fsync succeeds",
          "[queue][durability][xfs]") {
  const auto mutant = GENERATE(Mutant::none, Mutant::no_directory_fstat);
  TypedWorld world{kXfs};
  ShutDownSys shut_down{world.disk};
  MutantSys sys{shut_down, mutant};
  const auto queue = world.open(sys);
  const std::error_code error = error_of([&] { return put(queue, "x"); });
  const auto crashed = world.disk.crash(world.disk.keep_nothing());
  const bool survived = !crashed->list("/q/new").empty();
  const bool promised = !error;
  // Without the fstat the put is promised, and a power cut breaks the promise.
  INFO(to_string(mutant));
  CHECK((promised && !survived) == (mutant == Mutant::no_directory_fstat));
  if (mutant == Mutant::none) CHECK(error == errno_code(EIO));
}

TEST_CASE("a failed syncfs condemns as well", "[queue][durability][condemned]") {
  TypedWorld world{BTRFS_SUPER_MAGIC};
  ShutDownSys sys{world.disk};
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  const auto queue = world.open(sys);
  sys.shut_down = true;
  CHECK(error_of([&] {
          acknowledge(*queue, claimed, Sync::durable);
          return 0;
        }) == errno_code(EIO));
  sys.shut_down = false;
  CHECK(error_of([&] { return put(queue, "y"); }) == errc::condemned);
}

TEST_CASE("a move by rename syncs the target's folder, then the source's",
          "[queue][durability][move]") {
  TypedWorld world{EXT4_SUPER_MAGIC};
  detail::init_queue(world.disk, "/r", {{"min_free", "0"}});
  Queue source = handle(world.queue);
  Queue target = handle(open_queue(world.disk, "/r"));
  const Calls both{"fsync /r/new", "fstat /r/new", "fsync /q/new", "fstat /q/new"};
  const auto moved = [&](Sync sync) {
    world.disk.clear_calls();
    source.move(source.list(State::ready).at(0), target, sync);
    return world.syncs();
  };
  put(world.queue, "x");
  CHECK(moved(Sync::durable) == both);
  put(world.queue, "x");
  CHECK(moved(Sync::none) == Calls{});
  // Nobody has synced the file of a stranger, and in the target nobody would.
  world.disk.plant_file("/q/new/1795403405.P10625Q1.vm", "x");
  const Calls synced = moved(Sync::none);
  REQUIRE(synced.size() == 1);
  CHECK(synced.at(0).starts_with("fsync /q/cur/5."));
}

TEST_CASE("a move whose sync failed is indeterminate", "[queue][durability][move]") {
  TypedWorld world{EXT4_SUPER_MAGIC};
  detail::init_queue(world.disk, "/r", {{"min_free", "0"}});
  put(world.queue, "x");
  ShutDownSys sys{world.disk};
  Queue source = handle(world.open(sys));
  Queue target = handle(open_queue(sys, "/r"));
  CHECK(error_of([&] { source.move(source.list(State::ready).at(0), target); }) ==
        errc::indeterminate);
  CHECK(target.list(State::ready).size() == 1);
}

TEST_CASE("a stranger's file that does not sync is not moved", "[queue][durability][move]") {
  World world;
  detail::init_queue(world.disk, "/r", {{"min_free", "0"}});
  world.disk.plant_file("/q/new/1795403405.P10625Q1.vm", "x");
  FailingFsync sys{world.disk};
  Queue source = handle(world.open(sys));
  Queue target = handle(open_queue(sys, "/r"));
  const MessageInfo stranger = source.list(State::ready).at(0);
  sys.fails = true;
  CHECK(error_of([&] { source.move(stranger, target); }) == errno_code(EIO));
  CHECK(world.count(Folder::ready) == 1);
  CHECK(error_of([&] { source.sync(); }) == errc::condemned);
}

TEST_CASE("a queue stays paused, or goes on, after a power cut", "[queue][durability][pause]") {
  World world{{}, GENERATE(CrashModel::journal, CrashModel::per_directory)};
  Queue queue = handle(world.queue);
  const auto paused_after_cut = [&] {
    const auto after = world.disk.crash(world.disk.keep_nothing());
    return handle(open_queue(*after, World::kPath)).paused();
  };
  queue.pause();
  CHECK(paused_after_cut());
  queue.resume();
  CHECK_FALSE(paused_after_cut());
}

TEST_CASE("a pause that the disk refused says so", "[queue][durability][pause]") {
  World world;
  FailingFsync sys{world.disk};
  Queue queue = handle(world.open(sys));
  sys.fails = true;
  CHECK(error_of([&] { queue.pause(); }) == errno_code(EIO));
  sys.fails = true;
  CHECK(error_of([&] { queue.resume(); }) == errno_code(EIO));
}

TEST_CASE("sync() syncs the file system, payloads and folders, and asks whether it still lives",
          "[queue][durability]") {
  TypedWorld world{GENERATE(EXT4_SUPER_MAGIC, BTRFS_SUPER_MAGIC)};
  Queue queue = handle(world.queue);
  queue.sync();
  CHECK(world.syncs() == Calls{"syncfs /q", "fstat /q"});
  world.queue->durability().condemn();
  CHECK(error_of([&] { queue.sync(); }) == errc::condemned);
  CHECK(world.syncs() == Calls{});
}

TEST_CASE("after a failed sync no change is called durable", "[queue][durability][condemned]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  world.queue->durability().condemn();
  CHECK(error_of([&] { detail::release(*world.queue, claimed, std::nullopt); }) == errc::condemned);
  const StoredMessage ready = only(*world.queue, State::ready);
  CHECK(error_of([&] { detail::expire(*world.queue, ready); }) == errc::condemned);
  const StoredMessage failed = only(*world.queue, State::failed);
  CHECK(error_of([&] { detail::retry(*world.queue, failed); }) == errc::condemned);
  const StoredMessage again = only(*world.queue, State::ready);
  CHECK(error_of([&] { detail::remove(*world.queue, again); }) == errc::condemned);
}

}  // namespace spoolq::test
