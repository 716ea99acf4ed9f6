// Second names of a message's file: which are dropped, when, and that none is the only one.
#include <array>
#include <functional>
#include <string>

#include "queue/lifecycle/detached_claims.hpp"
#include "queue/lifecycle/move.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/consumer_locks.hpp"
#include "queue/store/queue_access.hpp"
#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

constexpr const char* kDetached = "detached.0123456789abcdef";
constexpr std::array kWithMessages{Folder::ready, Folder::later, Folder::claimed, Folder::failed};

/// Gives the only message in `state` a second name in new/, as a crash does that splits a rename.
std::string link_into_new(World& world, State state) {
  const StoredMessage message = only(*world.queue, state);
  MessageName name = message.name;
  name.claim.clear();
  name.lease_until.reset();
  name.attempts = 0;
  const std::string file = format_name(name);
  world.disk.plant_hard_link(world.path(message.at.folder(), message.at.file()),
                             world.path(Folder::ready, file));
  return file;
}

std::size_t count_names(World& world) {
  std::size_t names = 0;
  for (const Folder folder : kWithMessages) names += world.count(folder);
  return names;
}

/// How often everything is delivered and acknowledged from now on.
int take_all(const std::shared_ptr<OpenQueue>& queue) {
  Consumer consumer{handle(queue)};
  int taken = 0;
  while (auto claim = consumer.try_take()) {
    claim->ack();
    ++taken;
  }
  return taken;
}

/// Does something before the call number `nth`.
class MeddlingSys final : public ForwardingSys {
 public:
  MeddlingSys(Sys& inner, int nth, std::function<void()> meddle)
      : ForwardingSys{inner}, nth_{nth}, meddle_{std::move(meddle)} {}
  [[nodiscard]] bool meddled() const { return calls_ >= nth_; }

 protected:
  std::optional<SysResult> before(const CallInfo&) override {
    if (++calls_ == nth_) meddle_();
    return std::nullopt;
  }

 private:
  int calls_ = 0;
  const int nth_;
  const std::function<void()> meddle_;
};

}  // namespace

TEST_CASE("a claim that is taken back while its second names are dropped leaves one name",
          "[queue][names]") {
  bool meddled = true;
  for (int nth = 1; meddled; ++nth) {
    INFO(nth);
    World world;
    const StoredMessage claimed = put_and_claim(*world.queue, "x");
    link_into_new(world, State::claimed);
    MeddlingSys sys{world.disk, nth, [&] { detail::reap(*world.queue); }};
    const auto queue = world.open(sys);
    static_cast<void>(detail::drop_other_names(*queue, claimed));
    meddled = sys.meddled();
    CHECK(count_names(world) >= 1);
    CHECK(take_all(world.queue) == 1);
  }
}

TEST_CASE("a message with two names is delivered once", "[queue][names]") {
  World world;
  SECTION("both ready") { put(world.queue, "x"); }
  SECTION("one of a dead consumer") { put_and_claim(*world.queue, "x"); }
  SECTION("one of a dead consumer, and taken back") {
    put_and_claim(*world.queue, "x");
    const std::string file = link_into_new(world, State::claimed);
    detail::reap(*world.queue);
    CHECK(world.count(Folder::ready) == 2);
    CHECK(take_all(world.queue) == 1);
    return;
  }
  const State state = world.count(Folder::ready) == 1 ? State::ready : State::claimed;
  if (state == State::claimed) {
    link_into_new(world, state);
  } else {
    StoredMessage message = only(*world.queue, state);
    const std::string file = world.path(Folder::ready, message.at.file());
    message.name.attempts = 3;
    world.disk.plant_hard_link(file, world.path(Folder::ready, format_name(message.name)));
  }
  CHECK(take_all(world.queue) == 1);
  CHECK(count_names(world) == 0);
}

TEST_CASE("what a living consumer has is not delivered under its second name", "[queue][names]") {
  World world;
  put(world.queue, "x");
  Consumer first{handle(world.queue)};
  auto claim = first.try_take();
  REQUIRE(claim);
  link_into_new(world, State::claimed);
  const auto other = world.open(world.disk);
  CHECK(take_all(other) == 0);
  CHECK(world.count(Folder::ready) == 1);
  SECTION("acknowledged, it is gone under both") {
    // Two names when it was claimed, as after a crash.
    claim->release();
    claim = first.try_take();
    REQUIRE(claim);
    claim->ack();
    CHECK(count_names(world) == 0);
  }
  SECTION("given back, it is delivered once") {
    claim->release();
    CHECK(take_all(world.open(world.disk)) == 1);
    CHECK(count_names(world) == 0);
  }
}

TEST_CASE("a detached claim that is finished has no second name left", "[queue][names][detached]") {
  World world;
  const StoredMessage claimed = put_and_claim(*world.queue, "x", kDetached);
  link_into_new(world, State::claimed);
  Queue queue = handle(world.queue);
  DetachedClaim receipt = queue.detached_claim(world.path(Folder::claimed, claimed.at.file()));
  SECTION("taken meanwhile") { CHECK(take_all(world.open(world.disk)) == 0); }
  SECTION("not taken meanwhile") {}
  receipt.ack();
  CHECK(count_names(world) == 0);
}

TEST_CASE("a message that is moved or removed leaves no second name", "[queue][names]") {
  World world;
  put_and_claim(*world.queue, "x");
  link_into_new(world, State::claimed);
  SECTION("moved") {
    detail::init_queue(world.disk, "/r", {{"min_free", "0"}});
    const auto target = open_queue(world.disk, "/r");
    CHECK(detail::move_message(*world.queue, only(*world.queue, State::ready), *target));
    CHECK(messages(*target, State::ready).size() == 1);
  }
  SECTION("removed") {
    CHECK(detail::remove(*world.queue, only(*world.queue, State::ready), Sync::durable));
  }
  CHECK(count_names(world) == 0);
}

TEST_CASE("a second name that has moved on since the last look is found", "[queue][names]") {
  World world;
  put(world.queue, "x");
  StoredMessage message = only(*world.queue, State::ready);
  const std::string first = world.path(Folder::ready, message.at.file());
  MessageName name = message.name;
  name.attempts = 3;
  const std::string second = format_name(name);
  world.disk.plant_hard_link(first, world.path(Folder::ready, second));
  using Look = detail::SecondNames::Look;
  struct stat status = {};
  REQUIRE(world.disk.fstatat(world.queue->fd(Folder::ready), second.c_str(), status).ok());
  CHECK(world.queue->second_names().names_of(*world.queue, status.st_ino, Look::cached).size() ==
        2);
  REQUIRE(world.disk
              .renameat2(world.queue->fd(Folder::ready), second.c_str(),
                         world.queue->fd(Folder::failed), second.c_str(), 0)
              .ok());
  CHECK_FALSE(detail::drop_other_names(*world.queue, message));
  CHECK(count_names(world) == 1);
  CHECK(world.disk.exists(first));
}

TEST_CASE("links outside of the queue cost one look for many messages", "[queue][names]") {
  World world;
  constexpr int kMessages = 200;
  for (int i = 0; i < kMessages; ++i) put(world.queue, "x");
  int number = 0;
  for (const std::string& file : world.names(Folder::ready)) {
    world.disk.plant_hard_link(world.path(Folder::ready, file),
                               "/backup/" + std::to_string(number++));
  }
  const auto queue = world.open(world.disk);
  world.disk.clear_calls();
  CHECK(take_all(queue) == kMessages);
  int reads = 0;
  for (const CallRecord& each : world.disk.calls()) reads += each.call == Call::getdents64 ? 1 : 0;
  // Each claim looked at four folders before.
  CHECK(reads < kMessages / 2);
}

}  // namespace spoolq::test
