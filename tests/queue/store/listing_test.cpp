// Looking at a queue: order, abbreviated ids, counts, and what a look costs.
#include "queue/store/listing.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "queue/store/consumer_locks.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr const char* kFirst = "01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";
constexpr const char* kSecond = "01935a7b-8c3e-7e21-9f4a-1b2c3d4e5f61";
constexpr const char* kThird = "0293aaaa-8c3d-7e21-9f4a-1b2c3d4e5f60";

void plant(World& world, Folder folder, const std::string& file, const std::string& bytes = "x") {
  world.disk.plant_file(world.path(folder, file), bytes);
}

std::vector<std::string> ids(const std::vector<MessageInfo>& list) {
  std::vector<std::string> all;
  for (const MessageInfo& info : list) all.push_back(info.id.to_string());
  return all;
}

std::set<Call> kinds_of_calls(const World& world) {
  std::set<Call> kinds;
  for (const CallRecord& each : world.disk.calls()) kinds.insert(each.call);
  return kinds;
}

/// One message in each state, and what is none beside them.
void plant_each_state(World& world) {
  const std::string name = fmt::format("5.{},S=10", kFirst);
  plant(world, Folder::ready, name);
  plant(world, Folder::later, "1763870400123." + name);
  plant(world, Folder::claimed, name + ",A=1,C=0123456789abcdef.1");
  plant(world, Folder::failed, name + ",A=5");
  plant(world, Folder::done, name + ",A=1");
  for (const Folder folder : {Folder::claimed, Folder::later, Folder::failed, Folder::done}) {
    plant(world, folder, "notes.txt");
  }
  plant(world, Folder::claimed, name);
  plant(world, Folder::later, name);
}

}  // namespace

TEST_CASE("ready messages are listed in the order of delivery, strangers' among them",
          "[queue][listing]") {
  World world;
  world.disk.set_realtime(std::chrono::milliseconds{0x0193'5a7b'8c3e});
  plant(world, Folder::ready, "report.txt");
  plant(world, Folder::ready, fmt::format("5.{}", kThird));
  plant(world, Folder::ready, fmt::format("5.{},S=1", kFirst));
  plant(world, Folder::ready, fmt::format("9.{}", kFirst));
  plant(world, Folder::ready, fmt::format("0.{}", kThird));
  const auto list = handle(world.queue).list(State::ready);
  REQUIRE(list.size() == 5);
  CHECK(list[0].priority == 0);
  CHECK(list[1].id.to_string() == kFirst);
  CHECK(list[2].name == "report.txt");
  CHECK(list[3].id.to_string() == kThird);
  CHECK(list[4].priority == 9);
  const auto best = handle(world.queue).list(State::ready, 2);
  CHECK(ids(best) == std::vector{list[0].id.to_string(), list[1].id.to_string()});
  CHECK(handle(world.queue).list(State::ready, 100).size() == 5);
}

TEST_CASE("delayed messages are listed in the order of their due times", "[queue][listing]") {
  World world;
  plant(world, Folder::later, fmt::format("1763870400125.0.{}", kFirst));
  plant(world, Folder::later, fmt::format("1763870400123.9.{}", kSecond));
  plant(world, Folder::later, fmt::format("1763870400124.5.{}", kThird));
  const auto list = handle(world.queue).list(State::delayed);
  CHECK(ids(list) == std::vector<std::string>{kSecond, kThird, kFirst});
  CHECK(list[0].due == Time{Duration{1'763'870'400'123}});
  CHECK(list[0].state == State::delayed);
}

TEST_CASE("in each state only messages are listed", "[queue][listing]") {
  World world;
  plant_each_state(world);
  for (const State state :
       {State::ready, State::claimed, State::delayed, State::failed, State::done}) {
    INFO(to_string(state));
    const auto list = handle(world.queue).list(state);
    REQUIRE(list.size() == 1);
    CHECK(list[0].id.to_string() == kFirst);
    CHECK(list[0].state == state);
    CHECK(list[0].size == 10);
    CHECK(list[0].path.starts_with("/q/"));
    CHECK(world.disk.exists(list[0].path));
    CHECK(parse_state(to_string(state)) == state);
  }
  CHECK(handle(world.queue).list(State::claimed)[0].consumer == "0123456789abcdef");
  CHECK_FALSE(parse_state("new"));
}

TEST_CASE("with a limit the first are listed, as without one", "[queue][listing]") {
  World world;
  for (int i = 0; i < 50; ++i) {
    plant(world, Folder::ready, fmt::format("{}.01935a7b-8c3d-7e21-9f4a-{:012x}", i * 7 % 10, i));
  }
  const Queue queue = handle(world.queue);
  const auto all = ids(queue.list(State::ready));
  REQUIRE(all.size() == 50);
  for (std::size_t limit = 1; limit <= 51; ++limit) {
    CAPTURE(limit);
    const std::size_t count = std::min<std::size_t>(limit, 50);
    CHECK(ids(queue.list(State::ready, limit)) ==
          std::vector(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)));
  }
}

TEST_CASE("the details of a dropped file have its size and its whole name", "[queue][listing]") {
  World world;
  const std::string name(255, 'n');
  plant(world, Folder::ready, name, "hello");
  const Queue queue = handle(world.queue);
  const MessageInfo info = queue.list(State::ready).at(0);
  CHECK_FALSE(info.size);
  CHECK(info.name == name);
  const MessageDetails details = queue.details(info);
  CHECK(details.info.size == 5);
  CHECK(details.info.name == name);
}

TEST_CASE("what is unfinished or no message is not ready", "[queue][listing]") {
  World world;
  plant(world, Folder::ready, "half.part");
  plant(world, Folder::ready, ".hidden");
  world.disk.plant_directory(world.path(Folder::ready, "folder"));
  world.disk.plant_symlink(world.path(Folder::ready, "link"), "/q/spoolq.json");
  CHECK(handle(world.queue).list(State::ready).empty());
}

TEST_CASE("a message is found by the begin or the end of its id", "[queue][listing][find]") {
  World world;
  plant(world, Folder::ready, fmt::format("5.{}", kFirst));
  plant(world, Folder::failed, fmt::format("5.{}", kSecond));
  plant(world, Folder::later, fmt::format("1763870400123.5.{}", kThird));
  const Queue queue = handle(world.queue);
  const std::vector<State> all{State::ready, State::claimed, State::delayed, State::failed};
  const auto find = [&](std::string_view text, const std::vector<State>& states) {
    return queue.find(text, states).id.to_string();
  };
  const auto error = [&](std::string_view text, const std::vector<State>& states) {
    return error_of([&] { return queue.find(text, states); });
  };
  CHECK(find(kFirst, all) == kFirst);
  CHECK(find("01935a7b-8c3d", all) == kFirst);
  CHECK(find("5f61", all) == kSecond);
  CHECK(find("0293", all) == kThird);
  CHECK(find("0193", {State::ready}) == kFirst);
  CHECK(find("5f60", {State::delayed}) == kThird);
  CHECK(find("@oldest", all) == kFirst);
  CHECK(find("@newest", all) == kThird);
  CHECK(find("@newest", {State::failed}) == kSecond);
  CHECK(queue.find("5f61", all).state == State::failed);
  CHECK(error("0193", all) == errc::ambiguous_id);
  CHECK(error("5f60", all) == errc::ambiguous_id);
  CHECK(error("7e21", all) == errc::no_such_message);
  CHECK(error("ffffffff", all) == errc::no_such_message);
  CHECK(error(kFirst, {State::failed}) == errc::no_such_message);
  CHECK(error(kFirst, {}) == errc::no_such_message);
  CHECK(error("@oldest", {State::done}) == errc::no_such_message);
  for (const char* text : {"", "0", "019", "@new", "@old"}) {
    INFO(text);
    const auto code = error(text, all);
    CHECK((code == errc::bad_value || code == errc::no_such_message));
  }
  CHECK(error("019", all) == errc::bad_value);
}

TEST_CASE("copies of one id are not ambiguous", "[queue][listing][find]") {
  World world;
  plant(world, Folder::ready, fmt::format("5.{}", kFirst));
  plant(world, Folder::ready, fmt::format("5.{},U=0001", kFirst));
  CHECK(handle(world.queue).find("0193", {State::ready}).id.to_string() == kFirst);
}

TEST_CASE("a wrong id is shown without what could forge a line", "[queue][listing][find]") {
  World world;
  try {
    static_cast<void>(handle(world.queue).find("abc\ndef", {State::ready}));
    FAIL("it was found");
  } catch (const Error& error) {
    CHECK(std::string_view{error.what()}.find('\n') == std::string_view::npos);
  }
}

TEST_CASE("stats count every state", "[queue][listing][stats]") {
  World world;
  plant_each_state(world);
  plant(world, Folder::ready, "report.txt", "a stranger's 15");
  plant(world, Folder::bad, "anything");
  plant(world, Folder::bad, "else");
  const detail::Registration living{*world.queue};
  plant(world, Folder::consumers, "0123456789abcdef");
  const Stats stats = handle(world.queue).stats();
  CHECK(stats.path == "/q");
  CHECK(stats.ready == 2);
  CHECK(stats.claimed == 1);
  CHECK(stats.delayed == 1);
  CHECK(stats.failed == 1);
  CHECK(stats.done == 1);
  CHECK(stats.bad == 2);
  CHECK(stats.bytes == 40 + 15);
  CHECK(stats.consumers == 1);
  CHECK_FALSE(stats.paused);
}

TEST_CASE("the age of the oldest ready message counts from its put", "[queue][listing][stats]") {
  World world;
  const Queue queue = handle(world.queue);
  CHECK_FALSE(queue.stats().oldest_ready);
  plant(world, Folder::ready, fmt::format("9.{}", kFirst));
  plant(world, Folder::ready, fmt::format("0.{}", kSecond));
  plant(world, Folder::failed, "5.00000000-0000-7000-8000-000000000000");
  const Time put = MessageId::parse(kFirst)->time();
  world.disk.set_realtime(put.time_since_epoch() + hours{2});
  CHECK(*queue.stats().oldest_ready - hours{2} < Duration{1'000});
  world.disk.set_realtime(put.time_since_epoch() - hours{2});
  CHECK(queue.stats().oldest_ready == Duration{0});
}

TEST_CASE("a queue is paused while the file says so", "[queue][listing][stats]") {
  World world;
  world.disk.plant_file("/q/paused", "");
  CHECK(handle(world.queue).stats().paused);
}

TEST_CASE("list and stats make no system call for a message of ours", "[queue][listing][cost]") {
  World world;
  const Queue queue = handle(world.queue);
  const auto look = [&] {
    world.disk.clear_calls();
    static_cast<void>(queue.list(State::ready));
    static_cast<void>(queue.find("@oldest", {State::ready}));
    const std::size_t calls = world.disk.calls().size();
    CHECK(kinds_of_calls(world) == std::set{Call::openat, Call::getdents64, Call::close});
    static_cast<void>(queue.stats());
    return calls;
  };
  plant(world, Folder::ready, fmt::format("5.{},S=1", kFirst));
  const std::size_t for_one = look();
  world.disk.clear_calls();
  for (int i = 0; i < 300; ++i) {
    plant(world, Folder::ready, fmt::format("5.{:08x}-8c3d-7e21-9f4a-1b2c3d4e5f60,S=1", i));
  }
  // Some 500 names fit one call; a second one may be needed for the rest.
  CHECK(look() <= for_one + 4);
  const auto stats_of_files = [&] {
    const auto calls = world.disk.calls();
    return std::count_if(calls.begin(), calls.end(), [](const CallRecord& each) {
      const bool is_look = each.call == Call::fstatat || each.call == Call::statx;
      return is_look && each.path.starts_with("/q/new/");
    });
  };
  CHECK(stats_of_files() == 0);
  plant(world, Folder::ready, "report.txt");
  world.disk.clear_calls();
  static_cast<void>(queue.list(State::ready));
  CHECK(stats_of_files() == 1);
}

TEST_CASE("a message that has moved on is no such message", "[queue][listing][move]") {
  World world;
  Queue queue = handle(world.queue);
  put(world.queue, "x");
  const MessageInfo ready = queue.list(State::ready).at(0);
  const StoredMessage claimed = claim_only(*world.queue);
  CHECK(error_of([&] { return queue.open_payload(ready); }) == errc::no_such_message);
  CHECK(error_of([&] { return queue.details(ready); }) == errc::no_such_message);
  CHECK(error_of([&] {
          queue.remove(ready);
          return 0;
        }) == errc::no_such_message);
  CHECK(error_of([&] {
          queue.retry(ready);
          return 0;
        }) == errc::no_such_message);
  const MessageInfo info = queue.list(State::claimed).at(0);
  CHECK(error_of([&] {
          queue.remove(info);
          return 0;
        }) == errc::claim_owned);
  detail::fail(*world.queue, claimed, reason("no"));
  const MessageInfo failed = queue.list(State::failed).at(0);
  queue.retry(failed);
  CHECK(error_of([&] {
          queue.retry(failed);
          return 0;
        }) == errc::no_such_message);
  const MessageInfo again = queue.list(State::ready).at(0);
  CHECK(again.id == ready.id);
  CHECK(again.attempts == 0);
  queue.remove(again);
  CHECK(queue.stats().ready == 0);
}

TEST_CASE("a claimed message is removed only when asked for", "[queue][listing][move]") {
  World world;
  Queue queue = handle(world.queue);
  const StoredMessage claimed = put_and_claim(*world.queue, "x");
  queue.remove_claimed(queue.list(State::claimed).at(0));
  CHECK(world.count(Folder::claimed) == 0);
  CHECK(error_of([&] {
          acknowledge(*world.queue, claimed, Sync::durable);
          return 0;
        }) == errc::claim_lost);
}

TEST_CASE("the payload of a message is read through its description", "[queue][listing][move]") {
  World world;
  const Queue queue = handle(world.queue);
  plant(world, Folder::ready, "report.txt", "of a stranger");
  const MessageInfo info = queue.list(State::ready).at(0);
  std::optional<Payload> payload = queue.open_payload(info);
  const int file = payload->get();
  std::array<char, 100> buffer{};
  const auto got = world.disk.read(file, buffer.data(), buffer.size());
  CHECK(std::string_view{buffer.data(), static_cast<std::size_t>(got.value())} == "of a stranger");
  // It closes its descriptor, once, also when it was moved.
  Payload moved = std::move(*payload);
  payload.reset();
  struct stat status = {};
  CHECK(world.disk.fstat(file, status).ok());
  payload = std::move(moved);
  payload.reset();
  CHECK_FALSE(world.disk.fstat(file, status).ok());
}

}  // namespace spoolq::test
