// What a forked child may do with a Consumer and a Claim that it inherited: nothing.
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

bool is_foreign(const std::function<void()>& call) {
  return error_of([&] { return call(), 0; }) == errc::foreign_process;
}

}  // namespace

TEST_CASE("in a forked child an inherited consumer and claim throw, and spoil nothing",
          "[consumer][fork]") {
  RealQueue queue;
  queue.put("hello");
  std::optional<Consumer> consumer{queue.consumer()};
  auto claim = consumer->take(Duration{0});
  REQUIRE(claim);
  CHECK_FALSE(consumer->take(Duration{10}));

  SECTION("the calls throw") {
    ChildProcess child{[&] {
      std::array<std::byte, 4> buffer;
      int wrong = 0;
      const auto check = [&](const std::function<void()>& call) {
        wrong += is_foreign(call) ? 0 : 1;
      };
      check([&] { static_cast<void>(consumer->try_take()); });
      check([&] { static_cast<void>(consumer->take(Duration{0})); });
      check([&] { static_cast<void>(consumer->take()); });
      check([&] { static_cast<void>(claim->payload()); });
      check([&] { static_cast<void>(claim->read(buffer)); });
      check([&] { static_cast<void>(claim->headers()); });
      check([&] { claim->ack(); });
      check([&] { claim->release(); });
      check([&] { claim->fail(reason("no")); });
      check([&] { static_cast<void>(claim->detach(Duration{1})); });
      check([&] { Consumer{consumer->queue()}; });
      return claim->held() ? 50 : wrong;
    }};
    CHECK(child.wait() == 0);
  }
  SECTION("stop() and the destructors do nothing to the parent's") {
    ChildProcess child{[&] {
      consumer->stop();
      claim.reset();
      consumer.reset();
      return 0;
    }};
    CHECK(child.wait() == 0);
  }
  SECTION("a consumer of the child's own works") {
    queue.put("for the child");
    ChildProcess child{[&] {
      Consumer own{queue.path()};
      auto taken = own.take(Duration{0});
      if (!taken || taken->payload() != "for the child") return 1;
      taken->ack();
      return own.take(Duration{0}) ? 2 : 0;
    }};
    CHECK(child.wait() == 0);
  }

  CHECK(claim->held());
  CHECK(claim->payload() == "hello");
  claim->ack();
  // The parent still wakes, by an event.
  const pid_t self = this_thread();
  ChildProcess other{[&] { return when_waiting(self, [&] { queue.put("again"); }) ? 0 : 1; }};
  auto again = take_before_tick(*consumer);
  REQUIRE(again);
  CHECK(again->payload() == "again");
  CHECK(other.wait() == 0);
}

TEST_CASE("a dead parent's claim is taken back though its child lives", "[consumer][fork][death]") {
  RealQueue queue;
  queue.put("hello");
  Pipe ready;
  Pipe child_pid;
  ChildProcess parent{[&] {
    Consumer consumer{queue.path()};
    auto claim = consumer.take(Duration{0});
    if (!claim) return 1;
    // The child inherits all of it and stays.
    ChildProcess grandchild{[&] {
      ready.send("+");
      for (;;) ::pause();
      return 0;
    }};
    child_pid.send(std::to_string(grandchild.pid()) + "\n");
    for (;;) ::pause();
    return 0;
  }};
  REQUIRE(ready.receive(1) == "+");
  std::string pid;
  while (!pid.ends_with('\n')) pid += child_pid.receive(1);
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{0}));
  parent.kill();
  auto claim = take_before_tick(consumer);
  CHECK(::kill(std::stoi(pid), 0) == 0);
  ::kill(std::stoi(pid), SIGKILL);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  CHECK(claim->info().attempts == 2);
}

TEST_CASE("a process that outlives the consumer keeps one claim and frees the others",
          "[consumer][fork][death]") {
  const bool cleaned = GENERATE(false, true);
  RealQueue queue;
  queue.put("kept");
  queue.put("freed");
  Pipe ids;
  Pipe go;
  Pipe answer;
  ChildProcess parent{[&] {
    Consumer consumer = queue.consumer();
    auto kept = consumer.try_take();
    const auto freed = consumer.try_take();
    ClaimHolder holder = kept->holder();
    // As a worker does while the job runs.
    kept->extend();
    const pid_t worker = ::fork();
    if (worker == 0) {
      static_cast<void>(go.receive(1));
      answer.send(holder.take_over() ? "y" : "n");
      ::sleep(60);
      ::_exit(0);
    }
    ids.send(fmt::format("{:8}", worker));
    ::sleep(60);
    return 0;
  }};
  const pid_t worker = std::stoi(ids.receive(8));
  parent.kill();
  if (cleaned) {
    for (const auto& each : std::filesystem::directory_iterator{queue.path() + "/consumers"}) {
      std::filesystem::remove(each.path());
    }
  }
  CHECK(queue.open().reap().returned == 0);
  go.send("x");
  REQUIRE(answer.receive(1) == "y");
  CHECK(queue.open().reap().returned == 1);
  CHECK(queue.count(Folder::claimed) == 1);
  Consumer next = queue.consumer();
  {
    auto claim = next.try_take();
    REQUIRE(claim);
    CHECK(claim->payload() == "freed");
    claim->ack();
  }
  CHECK_FALSE(next.try_take());
  ::kill(worker, SIGKILL);
  CHECK(eventually([&] { return queue.open().reap().returned == 1; }));
  auto claim = next.take(std::chrono::seconds{10});
  REQUIRE(claim);
  CHECK(claim->payload() == "kept");
  CHECK(claim->info().attempts == 2);
}

TEST_CASE("of two messages with one id a process keeps the one that it was given",
          "[consumer][fork][death]") {
  const bool keeps_first = GENERATE(false, true);
  RealQueue queue;
  queue.put("one");
  queue.put("two");
  const std::string folder = queue.path() + "/new/";
  std::vector<std::string> names;
  for (const auto& each : std::filesystem::directory_iterator{folder}) {
    names.push_back(each.path().filename());
  }
  std::sort(names.begin(), names.end());
  REQUIRE(names.size() == 2);
  // The first message stays the first one: the priority and the id stand before everything else.
  constexpr std::size_t kIdEnd = 38;
  std::filesystem::rename(folder + names[1],
                          folder + names[0].substr(0, kIdEnd) + names[1].substr(kIdEnd));
  Pipe ids;
  Pipe go;
  Pipe answer;
  ChildProcess parent{[&] {
    Consumer consumer = queue.consumer();
    std::array<std::optional<Claim>, 2> claims{consumer.try_take(), consumer.try_take()};
    std::optional<Claim>& kept = claims.at(keeps_first ? 0 : 1);
    ClaimHolder holder = kept->holder();
    const std::string payload = kept->payload();
    const pid_t worker = ::fork();
    if (worker == 0) {
      static_cast<void>(go.receive(1));
      answer.send(holder.take_over() ? payload : "not");
      ::sleep(60);
      ::_exit(0);
    }
    ids.send(fmt::format("{:8}", worker));
    ::sleep(60);
    return 0;
  }};
  const pid_t worker = std::stoi(ids.receive(8));
  parent.kill();
  go.send("x");
  const std::string kept = answer.receive(3);
  REQUIRE(kept != "not");
  CHECK(queue.open().reap().returned == 1);
  Consumer next = queue.consumer();
  auto freed = next.try_take();
  REQUIRE(freed);
  CHECK(freed->payload() == (kept == "one" ? "two" : "one"));
  CHECK_FALSE(next.try_take());
  ::kill(worker, SIGKILL);
}

TEST_CASE("a claim lasts as long as a forked process holds it, when a cleaner has been there",
          "[consumer][fork][death][cleaner]") {
  RealQueue queue;
  queue.put("x");
  Pipe ids;
  ChildProcess parent{[&] {
    Consumer consumer = queue.consumer();
    const auto claim = consumer.try_take();
    const ClaimHolder holder = claim->holder();
    const pid_t worker = ::fork();
    if (worker == 0) {
      ::sleep(60);
      ::_exit(0);
    }
    ids.send(fmt::format("{:8}", worker));
    ::sleep(60);
    return 0;
  }};
  const pid_t worker = std::stoi(ids.receive(8));
  for (const auto& each : std::filesystem::directory_iterator{queue.path() + "/consumers"}) {
    std::filesystem::remove(each.path());
  }
  CHECK(queue.open().reap().returned == 0);
  parent.kill();
  CHECK(queue.open().reap().returned == 0);
  ::kill(worker, SIGKILL);
  CHECK(eventually([&] { return queue.open().reap().returned == 1; }));
}

TEST_CASE("a claim lasts as long as a forked process holds it", "[consumer][fork][death]") {
  RealQueue queue;
  queue.put("x");
  Pipe ids;
  ChildProcess parent{[&] {
    Consumer consumer = queue.consumer();
    const auto claim = consumer.try_take();
    const ClaimHolder holder = claim->holder();
    const pid_t worker = ::fork();
    if (worker == 0) {
      ::sleep(60);
      ::_exit(0);
    }
    ids.send(fmt::format("{:8}", worker));
    ::sleep(60);
    return 0;
  }};
  const pid_t worker = std::stoi(ids.receive(8));
  parent.kill();
  CHECK(queue.open().reap().returned == 0);
  CHECK(queue.open().stats().consumers == 1);
  Consumer next = queue.consumer();
  CHECK_FALSE(next.try_take());
  ::kill(worker, SIGKILL);
  CHECK(take_before_tick(next));
}

TEST_CASE("children that come and go do not free a living parent's claim",
          "[consumer][fork][death]") {
  RealQueue queue;
  queue.put("hello");
  Consumer consumer = queue.consumer();
  auto claim = consumer.take(Duration{0});
  REQUIRE(claim);
  for (int i = 0; i < 5; ++i) {
    ChildProcess child{[] { return 0; }};
    CHECK(child.wait() == 0);
    ChildProcess killed{[] { return ::raise(SIGKILL); }};
    CHECK(killed.wait() == 128 + SIGKILL);
  }
  Consumer other = queue.consumer();
  CHECK_FALSE(other.take(Duration{0}));
  CHECK(claim->payload() == "hello");
  claim->ack();
}

}  // namespace spoolq::test
