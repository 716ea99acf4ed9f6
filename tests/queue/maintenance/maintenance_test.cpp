// Due messages, claims of the dead, leftovers of dead writers, finished messages.
#include <fmt/core.h>
#include <sys/file.h>

#include "queue/format/attributes.hpp"
#include "queue/maintenance/cleanup.hpp"
#include "queue/maintenance/due.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/os/unique_fd.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/draft.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/mutant_sys.hpp"

namespace spoolq::test {
namespace {

using detail::UniqueFd;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kDetached = "detached.0123456789abcdef";
constexpr const char* kPending = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";

PutOptions delayed(Duration delay, int priority = 5) {
  PutOptions options;
  options.delay = delay;
  options.priority = priority;
  return options;
}

Reason reason_of(World& world, const StoredMessage& message) {
  const UniqueFd fd = world.queue->store().open(message.at);
  return detail::get_reason(world.disk, fd.get()).value_or(Reason{});
}

/// Opens a file of the queue as another process has it open.
UniqueFd hold_open(World& world, Folder folder, const std::string& file, int flags) {
  const auto opened = world.disk.openat(world.queue->fd(folder), file.c_str(), flags);
  REQUIRE(opened.ok());
  return UniqueFd{world.disk, opened.fd()};
}

/// Runs a function in place of nothing, once, just before the first call of a kind.
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
  world.disk.plant_file(world.path(Folder::later, kPending), "x");
  CHECK(detail::move_due(*world.queue).moved == 0);
  CHECK(world.count(Folder::later) == 2);
}

TEST_CASE("the claim of a dead consumer goes back, its attempt counted", "[queue][upkeep][reap]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  const detail::TakenBack result = detail::reap(*world.queue);
  CHECK(result.returned == 1);
  CHECK(result.failed == 0);
  const StoredMessage ready = only(*world.queue, State::ready);
  CHECK(ready.name.id == claimed.name.id);
  CHECK(ready.name.attempts == 1);
  CHECK(ready.name.claim.empty());
  CHECK(world.log.has("died"));
}

TEST_CASE("the claims of the living are not touched", "[queue][upkeep][reap]") {
  World world;
  const auto other = world.open(world.disk);
  const detail::Registration living{*other};
  const detail::Registration self{*world.queue};
  put_and_claim(*world.queue, "one", living.consumer() + ".1");
  put_and_claim(*world.queue, "two", self.consumer() + ".1");
  const detail::TakenBack result = detail::reap(*world.queue, self.consumer());
  CHECK(result.returned + result.failed == 0);
  CHECK(world.count(Folder::claimed) == 2);
  CHECK(detail::is_alive(*world.queue, living.consumer()));
}

TEST_CASE("the file of a dead consumer is removed once its claims are taken back",
          "[queue][upkeep][reap]") {
  World world;
  world.disk.plant_file(world.path(Folder::consumers, "0123456789abcdef"), "{}");
  put_and_claim(*world.queue, "x");
  detail::reap(*world.queue);
  CHECK(world.count(Folder::ready) == 1);
  CHECK_FALSE(world.disk.exists(world.path(Folder::consumers, "0123456789abcdef")));
}

TEST_CASE("a detached claim ends with its lease", "[queue][upkeep][reap]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x", kDetached);
  const Time end = world.queue->now() + minutes{10};
  detail::change_claim(*world.queue, claimed, kDetached, end);
  detail::TakenBack result = detail::reap(*world.queue);
  CHECK(result.returned == 0);
  CHECK(result.next_lease_end == end);
  world.disk.advance(minutes{11});
  result = detail::reap(*world.queue);
  CHECK(result.returned == 1);
  CHECK_FALSE(result.next_lease_end);
  CHECK_FALSE(only(*world.queue, State::ready).name.lease_until);
}

TEST_CASE("a detached claim without an end is left alone", "[queue][upkeep][reap]") {
  World world;
  put_and_claim(*world.queue, "x", kDetached);
  world.disk.advance(hours{1000});
  CHECK(detail::reap(*world.queue).returned == 0);
  CHECK(world.count(Folder::claimed) == 1);
}

TEST_CASE("at the maximum of attempts a message of the dead fails, with a reason",
          "[queue][upkeep][reap]") {
  World world{{{"max_attempts", "2"}}};
  put_and_claim(*world.queue, "x");
  CHECK(detail::reap(*world.queue).returned == 1);
  claim_only(*world.queue);
  const detail::TakenBack result = detail::reap(*world.queue);
  CHECK(result.returned == 0);
  CHECK(result.failed == 1);
  const StoredMessage failed = only(*world.queue, State::failed);
  CHECK(failed.name.attempts == 2);
  const std::string text = reason_of(world, failed).text;
  INFO(text);
  CHECK(text.find("2 of 2 attempts") != std::string::npos);
  CHECK(text.find("died") != std::string::npos);
}

TEST_CASE("an expired message of the dead fails", "[queue][upkeep][reap]") {
  World world;
  PutOptions options;
  options.time_to_live = minutes{1};
  put_and_claim(*world.queue, "x", kDeadClaim, options);
  world.disk.advance(minutes{2});
  CHECK(detail::reap(*world.queue).failed == 1);
  CHECK(reason_of(world, only(*world.queue, State::failed)).text.find("expired") !=
        std::string::npos);
}

TEST_CASE("somebody's mail in cur/ is not touched", "[queue][upkeep][reap]") {
  World world;
  for (const char* mail : {"1795403405.M633299P10625Q1.vm:2,S", kPending, "letter.txt"}) {
    world.disk.plant_file(world.path(Folder::claimed, mail), "x");
  }
  world.disk.advance(hours{1000});
  CHECK(detail::reap(*world.queue).returned == 0);
  CHECK(world.count(Folder::claimed) == 3);
  CHECK(messages(*world.queue, State::claimed).empty());
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

TEST_CASE("finished messages are kept as long as keep_done says", "[queue][upkeep][done]") {
  World world{{{"keep_done", "1h"}}};
  world.disk.plant_file(world.path(Folder::done, "README"), "x");
  acknowledge(*world.queue, put_and_claim(*world.queue, "one"), Sync::durable);
  world.disk.advance(minutes{50});
  acknowledge(*world.queue, put_and_claim(*world.queue, "two"), Sync::durable);
  CHECK(detail::prune_done(*world.queue) == 0);
  world.disk.advance(minutes{15});
  CHECK(detail::prune_done(*world.queue) == 1);
  CHECK(only(*world.queue, State::done).name.size == 3);
  world.disk.advance(hours{2});
  CHECK(detail::prune_done(*world.queue) == 1);
  CHECK(world.names(Folder::done) == std::vector<std::string>{"README"});
}

TEST_CASE("with keep_done on nothing finished is removed", "[queue][upkeep][done]") {
  World world{{{"keep_done", "on"}}};
  acknowledge(*world.queue, put_and_claim(*world.queue, "one"), Sync::durable);
  world.disk.advance(hours{100'000});
  CHECK(detail::prune_done(*world.queue) == 0);
}

TEST_CASE("restock makes spares and ballast again", "[queue][upkeep][restock]") {
  World world;
  const auto spares = world.names(Folder::consumers);
  REQUIRE(spares.size() == 4);
  for (const std::string& spare : spares) world.disk.unlink(world.path(Folder::consumers, spare));
  world.disk.unlink("/q/ballast");
  detail::restock(*world.queue);
  CHECK(world.count(Folder::consumers) == 4);
  CHECK(world.disk.read_file("/q/ballast").size() == 65'536);
  detail::restock(*world.queue);
  CHECK(world.count(Folder::consumers) == 4);
}

TEST_CASE("restock on a full disk leaves no half of anything", "[queue][upkeep][restock]") {
  World world;
  world.disk.unlink("/q/ballast");
  world.disk.set_capacity(1);
  CHECK_NOTHROW(detail::restock(*world.queue));
  CHECK_FALSE(world.disk.exists("/q/ballast"));
}

TEST_CASE("Queue::reap does it all and counts it", "[queue][upkeep]") {
  World world{{{"keep_done", "1h"}, {"max_attempts", "1"}}};
  acknowledge(*world.queue, put_and_claim(*world.queue, "done"), Sync::durable);
  put_and_claim(*world.queue, "dead");
  put(world.queue, "later", delayed(minutes{1}));
  world.disk.plant_file(world.path(Folder::tmp, kPending), "x");
  world.disk.advance(hours{2});
  const ReapCounts counts = handle(world.queue).reap();
  CHECK(counts.returned == 0);
  CHECK(counts.failed == 1);
  CHECK(counts.due == 1);
  CHECK(counts.swept == 1);
  CHECK(counts.pruned == 1);
}

}  // namespace spoolq::test
