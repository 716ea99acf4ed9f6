// Claims for a move: of messages in any state, which go back to where they were.
#include "queue/lifecycle/move_claim.hpp"

#include <array>
#include <cerrno>
#include <functional>
#include <set>
#include <string_view>

#include "queue/format/attributes.hpp"
#include "queue/lifecycle/other_names.hpp"
#include "queue/maintenance/reap.hpp"
#include "queue/store/listing.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/mutant_sys.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;

/// A message in `state` that could not be delivered again: it has no attempt and no time left.
void put_in(World& world, State state) {
  PutOptions options;
  options.time_to_live = hours{2};
  if (state == State::delayed) options.delay = hours{1};
  put(world.queue, "payload", options);
  if (state == State::failed) {
    detail::fail(*world.queue, claim_only(*world.queue), reason("broken"));
  } else if (state == State::done) {
    world.queue->configure({{"keep_done", "on"}});
    detail::acknowledge(*world.queue, claim_only(*world.queue), Sync::none);
  }
  world.queue->configure({{"max_attempts", "1"}});
}

/// Refuses all renames from some moment on.
class NoRenames final : public ForwardingSys {
 public:
  explicit NoRenames(Sys& inner) : ForwardingSys{inner} {}
  void begin() { refused_ = true; }

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (!refused_ || info.call != Call::renameat2) return std::nullopt;
    return SysResult::failure(EIO);
  }

 private:
  bool refused_ = false;
};

/// Acts before each call, and may let it fail.
class Meddling final : public ForwardingSys {
 public:
  Meddling(Sys& inner, std::function<int(const CallInfo&)> answer)
      : ForwardingSys{inner}, answer_{std::move(answer)} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    const int error = answer_(info);
    return error == 0 ? std::nullopt : std::optional{SysResult::failure(error)};
  }

 private:
  std::function<int(const CallInfo&)> answer_;
};

/// The path in the Error of a remove() that must fail with `error`.
std::string path_of_failed_remove(OpenQueue& queue, const StoredMessage& message, int error) {
  try {
    detail::remove(queue, message);
  } catch (const Error& thrown) {
    CHECK(thrown.code() == errno_code(error));
    return thrown.path();
  }
  return "no error";
}

bool changes_names(Call call) { return call == Call::renameat2 || call == Call::unlinkat; }

constexpr std::array kMovable{State::ready, State::delayed, State::failed, State::done};

}  // namespace

TEST_CASE("a foreign file that got the name of another one is not moved in its place",
          "[queue][move]") {
  World world;
  world.disk.plant_file("/q/new/report", "first");
  const StoredMessage first = only(*world.queue, State::ready);
  world.disk.unlink("/q/new/report");
  world.disk.plant_file("/q/new/report", "other");
  {
    const detail::MoveClaim claim{*world.queue, first};
    CHECK(claim.gone());
  }
  CHECK(world.disk.read_file("/q/new/report") == "other");
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("what goes back after a claim for a move replaces no other file", "[queue][move]") {
  World world;
  world.disk.plant_file("/q/new/report", "first");
  const StoredMessage before = only(*world.queue, State::ready);
  const auto seized =
      detail::claim_for_move(*world.queue, before, world.queue->mover()->next_claim());
  REQUIRE(seized);
  world.disk.plant_file("/q/new/report", "other");
  detail::put_back(*world.queue, *seized, before.at);
  CHECK(world.disk.read_file("/q/new/report") == "other");
  CHECK(world.count(Folder::ready) == 2);
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("a foreign file that cannot be removed is delivered under its own name",
          "[queue][move]") {
  World world;
  world.disk.plant_file("/q/new/report", "payload");
  bool refused = true;
  Meddling sys{world.disk, [&](const CallInfo& info) {
                 return refused && info.call == Call::unlinkat ? EACCES : 0;
               }};
  const auto queue = world.open(sys);
  const StoredMessage message = only(*queue, State::ready);
  CHECK(path_of_failed_remove(*queue, message, EACCES) == "/q/new/report");
  CHECK(world.names(Folder::ready) == std::vector<std::string>{"report"});
  CHECK(world.count(Folder::claimed) == 0);
  CHECK(only(*queue, State::ready).name.id == message.name.id);
  SECTION("and by the same queue") {
    const StoredMessage claimed = claim_only(*queue);
    CHECK(claimed.name.attempts == 1);
    CHECK(claimed.name.original == "report");
    CHECK(world.disk.read_file(world.path(Folder::claimed, claimed.at.file())) == "payload");
  }
  SECTION("or removed when it can be") {
    refused = false;
    CHECK(detail::remove(*queue, message));
    CHECK(world.count(Folder::ready) + world.count(Folder::claimed) == 0);
  }
}

TEST_CASE("a claim for a move that an error keeps from going back is free at once",
          "[queue][move][reap]") {
  World world;
  bool broken = false;
  SECTION("of a foreign file that was replaced") {
    world.disk.plant_file("/q/new/report", "first");
    Meddling sys{world.disk, [&](const CallInfo& info) {
                   if (info.call != Call::renameat2) return 0;
                   if (broken) return EIO;
                   if (std::string_view{info.name} != "report") return 0;
                   world.disk.unlink("/q/new/report");
                   world.disk.plant_file("/q/new/report", "other");
                   broken = true;
                   return 0;
                 }};
    const auto queue = world.open(sys);
    const StoredMessage message = only(*queue, State::ready);
    CHECK_THROWS_AS(detail::remove(*queue, message), Error);
    // While the queue that could not put it back is open.
    CHECK(detail::reap(*world.queue).returned == 1);
  }
  SECTION("of a foreign file that cannot be removed") {
    world.disk.plant_file("/q/new/report", "payload");
    Meddling sys{world.disk, [&](const CallInfo& info) {
                   if (info.call == Call::unlinkat) broken = true;
                   return broken && changes_names(info.call) ? EIO : 0;
                 }};
    const auto queue = world.open(sys);
    const StoredMessage message = only(*queue, State::ready);
    CHECK(path_of_failed_remove(*queue, message, EIO) == "/q/new/report");
    CHECK(world.count(Folder::claimed) == 1);
    CHECK(detail::reap(*world.queue).returned == 1);
    CHECK(only(*world.queue, State::ready).name.original == "report");
  }
  SECTION("of a message that stays") {
    put(world.queue, "payload");
    Meddling sys{world.disk, [&](const CallInfo& info) {
                   return broken && changes_names(info.call) ? EIO : 0;
                 }};
    const auto queue = world.open(sys);
    {
      const detail::MoveClaim claim{*queue, only(*queue, State::ready)};
      REQUIRE_FALSE(claim.gone());
      broken = true;
    }
    CHECK(world.log.has("is put back later"));
    CHECK(world.count(Folder::claimed) == 1);
    CHECK(detail::reap(*world.queue).returned == 1);
  }
  SECTION("of a second name") {
    put(world.queue, "payload");
    const StoredMessage message = only(*world.queue, State::ready);
    world.disk.plant_hard_link(world.path(Folder::ready, message.at.file()),
                               world.path(Folder::failed, message.at.file()));
    Meddling sys{world.disk, [&](const CallInfo& info) {
                   const bool is_seized =
                       info.call == Call::unlinkat &&
                       std::string_view{info.name}.find(",R=") != std::string_view::npos;
                   broken = broken || is_seized;
                   return is_seized ? EIO : 0;
                 }};
    const auto queue = world.open(sys);
    CHECK_THROWS_AS(detail::drop_other_names(*queue, message), Error);
    CHECK(detail::reap(*world.queue).returned == 1);
  }
  CHECK(broken);
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("a claim for a move of the dead goes back to where R says, unchanged",
          "[queue][move][reap]") {
  const State state = GENERATE(from_range(kMovable));
  World world;
  put_in(world, state);
  const StoredMessage before = only(*world.queue, state);
  const auto claimed = detail::claim_for_move(*world.queue, before, kDeadClaim);
  REQUIRE(claimed);
  CHECK(claimed->name.attempts == before.name.attempts);
  CHECK(only(*world.queue, State::claimed).at.file() == claimed->at.file());
  world.disk.advance(hours{3});
  const detail::TakenBack result = detail::reap(*world.queue);
  CHECK(result.returned == 1);
  CHECK(result.failed == 0);
  CHECK(only(*world.queue, state).at.file() == before.at.file());
  CHECK(world.count(Folder::claimed) == 0);
  if (state != State::failed) return;
  const auto fd = world.queue->store().open(before.at);
  CHECK(detail::get_reason(world.disk, fd.get()).value_or(Reason{}).text == "broken");
}

TEST_CASE("control: a reaper that ignores R is caught", "[queue][move][reap]") {
  World world;
  put_in(world, State::failed);
  MutantSys mutant{world.disk, Mutant::ignores_return};
  const auto queue = world.open(mutant);
  static_cast<void>(detail::claim_for_move(*queue, only(*queue, State::failed), kDeadClaim));
  detail::reap(*queue);
  CHECK(world.count(Folder::failed) == 0);
}

TEST_CASE("a message that goes back by R survives a power cut there", "[queue][move][reap]") {
  const State state = GENERATE(from_range(kMovable));
  const auto model = GENERATE(CrashModel::journal, CrashModel::per_directory);
  World world{{}, model};
  put_in(world, state);
  world.disk.commit();
  static_cast<void>(detail::claim_for_move(*world.queue, only(*world.queue, state), kDeadClaim));
  detail::reap(*world.queue);
  const auto after = world.disk.crash(world.disk.keep_nothing());
  OpenQueue queue{*after, World::kPath, {}};
  CHECK(messages(queue, state).size() == 1);
  CHECK(messages(queue, State::claimed).empty());
}

TEST_CASE("a claim for delivery and an extended claim have no R", "[queue][move]") {
  World world;
  MessageName name = put_and_claim(*world.queue, "x").name;
  detail::reap(*world.queue);
  world.disk.unlink(world.path(Folder::ready, world.names(Folder::ready).at(0)));
  name.claim.clear();
  name.return_to = "failed";
  const std::string file = detail::format_name(name);
  world.disk.plant_file(world.path(Folder::ready, file), "x");
  const auto claimed = detail::claim(*world.queue, {{Folder::ready, file}, name}, kDeadClaim);
  REQUIRE(claimed);
  CHECK(claimed->name.return_to.empty());
  detail::release(*world.queue, *claimed, {});
  const auto moving =
      detail::claim_for_move(*world.queue, only(*world.queue, State::ready), kDeadClaim);
  REQUIRE(moving);
  CHECK(moving->name.return_to == "new");
  CHECK(detail::change_claim(*world.queue, *moving, "detached.0123456789abcdef", world.queue->now())
            .name.return_to.empty());
}

TEST_CASE("R outside cur/ means nothing and goes with the next rename", "[queue][move]") {
  World world;
  put(world.queue, "x");
  const std::string file = world.names(Folder::ready).at(0);
  world.disk.plant_file(world.path(Folder::failed, file + ",R=done"), "x");
  world.disk.unlink(world.path(Folder::ready, file));
  CHECK(detail::retry(*world.queue, only(*world.queue, State::failed)));
  CHECK(world.names(Folder::ready) == std::vector{file});
}

TEST_CASE("a claim for a move that ends without a removal changes nothing", "[queue][move]") {
  const State state = GENERATE(from_range(kMovable));
  World world;
  put_in(world, state);
  const StoredMessage before = only(*world.queue, state);
  {
    const detail::MoveClaim claim{*world.queue, before};
    REQUIRE_FALSE(claim.gone());
    CHECK(detail::reap(*world.queue).returned == 0);
    CHECK(detail::MoveClaim{*world.queue, before}.gone());
  }
  CHECK(only(*world.queue, state).at.file() == before.at.file());
}

TEST_CASE("many claims for moves register one owner", "[queue][move]") {
  World world;
  const std::size_t files = world.count(Folder::consumers);
  for (int i = 0; i < 3; ++i) put(world.queue, "x");
  std::set<std::string> owners;
  for (const StoredMessage& message : messages(*world.queue, State::ready)) {
    const detail::MoveClaim claim{*world.queue, message};
    owners.emplace(detail::claim_owner(claim.message().name.claim));
  }
  CHECK(owners.size() == 1);
  CHECK(world.count(Folder::consumers) == files);  // One of the spares has its name.
}

TEST_CASE("a claim for a move that cannot go back is the reaper's when its mover ends",
          "[queue][move]") {
  World world;
  put_in(world, State::failed);
  const StoredMessage before = only(*world.queue, State::failed);
  {
    NoRenames sys{world.disk};
    const auto queue = world.open(sys);
    detail::MoveClaim claim{*queue, before};
    sys.begin();
    claim.release();
    CHECK(world.count(Folder::claimed) == 1);
  }
  CHECK(world.log.has("is put back later"));
  CHECK(detail::reap(*world.queue).returned == 1);
  CHECK(only(*world.queue, State::failed).at.file() == before.at.file());
}

TEST_CASE("a message that is moved out is read and removed, or goes back", "[queue][move]") {
  const State state = GENERATE(from_range(kMovable));
  World world;
  put_in(world, state);
  Queue queue = handle(world.queue);
  const MessageInfo message = queue.list(state).at(0);
  {
    const MoveOut out = queue.move_out(message);
    CHECK(out.info().state == State::claimed);
    CHECK(out.info().id == message.id);
    CHECK(error_of([&] { return queue.move_out(message); }) == errc::no_such_message);
    CHECK(error_of([&] { return queue.detached_claim(message.id.to_string()); }) ==
          errc::claim_owned);
  }
  MoveOut out = queue.move_out(message);
  std::string payload;
  queue.read_payload(out.info(), [&](std::string_view bytes) { payload += bytes; });
  CHECK(payload == "payload");
  out.remove();
  CHECK(error_of([&] { out.remove(); }) == errc::claim_lost);
  CHECK(world.count(Folder::claimed) + world.count(detail::folder_of(state)) == 0);
}

TEST_CASE("a claim for a move that was lost is not removed", "[queue][move]") {
  World world;
  put(world.queue, "x");
  Queue queue = handle(world.queue);
  MoveOut out = queue.move_out(queue.list(State::ready).at(0));
  CHECK(detail::release_move(*world.queue, only(*world.queue, State::claimed)) == State::ready);
  CHECK(error_of([&] { out.remove(); }) == errc::claim_lost);
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("no lease ends a claim for a move as long as its owner lives", "[queue][move][lease]") {
  World world{{{"lease", "10s"}}};
  put(world.queue, "x");
  detail::Observations seen;
  const detail::MoveClaim claim{*world.queue, only(*world.queue, State::ready)};
  for (int i = 0; i < 30; ++i) {
    world.disk.advance(std::chrono::seconds{1});
    CHECK(detail::reap(*world.queue, {}, &seen).returned == 0);
  }
  CHECK(world.count(Folder::claimed) == 1);
}

}  // namespace spoolq::test
