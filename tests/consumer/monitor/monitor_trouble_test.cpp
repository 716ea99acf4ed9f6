// A monitor while others move everything at once, the kernel drops events or has none to give, and
// the queue goes away.
#include <fmt/core.h>

#include <atomic>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "spoolq/monitor.hpp"
#include "tests/consumer/monitor/told.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("the events of a message come in their order, whoever moves others meanwhile",
          "[consumer][monitor]") {
  RealQueue queue;
  for (int i = 0; i < 2; ++i) queue.put("x");
  const std::vector<std::string> files = queue.names(Folder::ready);
  Monitor monitor{queue.open()};
  // Fewer events than the kernel keeps, so that none is dropped.
  constexpr int kRounds = 2000;
  const auto move_about = [&](const std::string& file) {
    const std::string ready = queue.path(Folder::ready, file);
    const std::string claimed = queue.path(Folder::claimed, file) + ",C=" + kDeadClaim;
    for (int round = 0; round < kRounds; ++round) {
      std::rename(ready.c_str(), claimed.c_str());
      std::rename(claimed.c_str(), ready.c_str());
    }
  };
  std::map<MessageId, EventKind> last;
  std::size_t wrong = 0;
  std::size_t seen = 0;
  const auto read_all = [&] {
    while (const auto event = monitor.next(Duration{0})) {
      ++seen;
      const EventKind before = last.contains(event->id) ? last[event->id] : EventKind::returned;
      const bool fits = before == EventKind::returned ? event->kind == EventKind::claimed
                                                      : event->kind == EventKind::returned;
      if (!fits) ++wrong;
      last[event->id] = event->kind;
    }
  };
  // Each read may come between the two events of a rename; some do.
  for (int i = 0; i < 10; ++i) {
    std::atomic<std::size_t> running{files.size()};
    std::vector<std::thread> threads;
    for (const std::string& file : files) {
      threads.emplace_back([&, file] {
        move_about(file);
        --running;
      });
    }
    while (running > 0) read_all();
    for (std::thread& thread : threads) thread.join();
    read_all();
  }
  CHECK(wrong == 0);
  CHECK(seen == 10 * files.size() * 2 * kRounds);
}

TEST_CASE("events that the kernel dropped are told of", "[consumer][monitor][overflow]") {
  RealQueue queue;
  write_file(queue.path(Folder::ready, "stranger"), "x");
  Monitor monitor{queue.open()};
  flood(queue);
  const MessageId lost = queue.put("not told");
  std::set<EventKind> kinds;
  while (const auto event = monitor.next(Duration{0})) kinds.insert(event->kind);
  CHECK(kinds == std::set<EventKind>{EventKind::overflow});
  CHECK(monitor.find({lost}).contains(lost));
  queue.put("told");
  fs::remove(queue.path(Folder::ready, "stranger"));
  CHECK(told(monitor) == Lines{"put ready", "gone -"});
}

TEST_CASE("where events were dropped, no half of a move is told", "[consumer][monitor][overflow]") {
  RealQueue queue;
  queue.put("x");
  const std::string file = queue.names(Folder::ready).at(0);
  Monitor monitor{queue.open()};
  std::atomic<int> moves{0};
  std::atomic<bool> done{false};
  std::thread mover{[&] {
    const std::string ready = queue.path(Folder::ready, file);
    const std::string claimed = queue.path(Folder::claimed, file) + ",C=" + kDeadClaim;
    while (!done) {
      std::rename(ready.c_str(), claimed.c_str());
      std::rename(claimed.c_str(), ready.c_str());
      ++moves;
    }
  }};
  std::map<EventKind, int> seen;
  for (int round = 1; round <= 3; ++round) {
    // So many give more events than the kernel keeps.
    const int begin = moves;
    CHECK(eventually([&] { return moves - begin > 6000; }));
    for (int i = 0; i < 1000 || seen[EventKind::overflow] < round; ++i) {
      const auto event = monitor.next(kLong);
      if (!event) break;
      ++seen[event->kind];
    }
  }
  done = true;
  mover.join();
  CHECK(seen[EventKind::overflow] >= 3);
  CHECK(seen[EventKind::claimed] > 0);
  CHECK(seen[EventKind::gone] == 0);
  CHECK(seen[EventKind::put] == 0);
}

TEST_CASE("without inotify a monitor looks at intervals", "[consumer][monitor]") {
  RealQueue queue{{{"settle", "0"}}};
  give_to_nobody(queue);
  Pipe report;
  ChildProcess child{[&] {
    go_without_inotify();
    const MessageId first = queue.put("old");
    Monitor monitor{queue.open()};
    report.send(queue.log.has("looking at intervals instead") ? "reported;" : "silent;");
    const auto tell_next = [&](std::size_t count) {
      for (std::size_t i = 0; i < count; ++i) {
        const auto event = monitor.next(kLong);
        report.send(fmt::format("{} {}{};", event ? to_string(event->kind) : "nothing",
                                event && event->state ? to_string(*event->state) : "-",
                                event->id == first ? " 1" : ""));
      }
    };
    Consumer consumer = queue.consumer();
    auto claim = consumer.try_take();
    queue.put("new");
    tell_next(2);
    claim->fail(reason("no"));
    tell_next(1);
    consumer.try_take()->ack();
    tell_next(1);
    write_file(queue.path(Folder::ready, "stranger"), "x");
    tell_next(1);
    report.send(monitor.find({first}).contains(first) ? "found;" : "not found;");
    report.send(monitor.find({MessageId{}}).empty() ? "nowhere" : "somewhere");
    return 0;
  }};
  report.close_sender();
  CHECK(report.receive_all() ==
        "reported;claimed claimed 1;put ready;failed failed 1;gone -;put ready;found;nowhere");
  CHECK(child.wait() == 0);
}

TEST_CASE("a message that moves behind a look is found all the same", "[consumer][monitor]") {
  // Back from cur/ to new/, or to another name in cur/, at each call of the look, one after
  // another.
  for (const bool extends : {false, true}) {
    bool fired = true;
    for (std::uint64_t nth = 1; fired; ++nth) {
      CAPTURE(extends, nth);
      RealQueue queue;
      const MessageId id = queue.put("x");
      Consumer consumer = queue.consumer();
      auto claim = consumer.try_take();
      REQUIRE(claim);
      HookSys sys{nth, [&] {
                    if (extends) {
                      static_cast<void>(claim->detach(std::chrono::hours{1}));
                    } else {
                      claim->undo();
                    }
                  }};
      Monitor monitor{queue.open(sys)};
      sys.arm();
      CHECK(monitor.find({id}).contains(id));
      CHECK(monitor.find_any({State::ready, State::claimed}));
      fired = sys.fired();
      REQUIRE(nth < 100);
    }
  }
}

TEST_CASE("a monitor of a queue that is removed ends with an error", "[consumer][monitor]") {
  RealQueue queue;
  Monitor monitor{queue.open()};
  std::thread other{[&] { fs::remove_all(queue.path()); }};
  CHECK(error_of([&] { return monitor.next(kLong); }) == errc::not_a_queue);
  other.join();
}

TEST_CASE("in a forked child a monitor is the parent's", "[consumer][monitor][fork]") {
  RealQueue queue;
  Monitor monitor{queue.open()};
  ChildProcess child{[&] {
    return error_of([&] { return monitor.next(Duration{0}); }) == errc::foreign_process ? 0 : 1;
  }};
  CHECK(child.wait() == 0);
  queue.put("x");
  CHECK(told(monitor) == Lines{"put ready"});
}

}  // namespace spoolq::test
