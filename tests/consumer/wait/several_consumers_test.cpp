// Several consumers of one queue, each a process of its own: everybody gets work, nobody gets the
// same message twice, and the dead are no loss.
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <sstream>

#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"

namespace spoolq::test {
namespace {

constexpr int kConsumers = 4;
constexpr int kMessages = 2000;
/// A consumer that gets no message for this long checks whether it may end.
constexpr Duration kCheckInterval{300};

/// Consumers in processes of their own, and what each of them took: one line for each message.
class Crew {
 public:
  /// `work` ends a claim and returns its line.
  Crew(const RealQueue& queue, int size, const std::function<std::string(Claim&)>& work)
      : queue_{queue} {
    for (int i = 0; i < size; ++i) {
      members_.push_back(std::make_unique<ChildProcess>([&, i] {
        CountingSys sys;
        Consumer consumer{handle(open_queue(sys, queue.path()))};
        while (auto claim = next(consumer)) {
          lines_.send(fmt::format("{} {}\n", i, work(*claim)));
        }
        lines_.send(fmt::format("{} lost {}\n", i, sys.lost_renames()));
        return 0;
      }));
    }
    lines_.close_sender();
  }

  struct Line {
    int consumer = 0;
    std::string what;
    int number = 0;
  };
  /// Lets the consumers end when the queue is empty, and returns all lines. The caller puts no
  /// message after this.
  std::vector<Line> wait() {
    write_file(all_put_, "");
    std::istringstream text{lines_.receive_all()};
    std::vector<Line> lines;
    for (Line line; text >> line.consumer >> line.what >> line.number;) lines.push_back(line);
    for (const auto& member : members_) {
      if (member->wait() != 0) throw std::runtime_error{"a consumer failed"};
    }
    return lines;
  }

 private:
  /// The next claim. None when the queue is empty for good, or after kLong without a message.
  std::optional<Claim> next(Consumer& consumer) const {
    const auto deadline = std::chrono::steady_clock::now() + kLong;
    for (;;) {
      if (auto claim = consumer.take(kCheckInterval)) return claim;
      if (is_over() || std::chrono::steady_clock::now() >= deadline) return std::nullopt;
    }
  }
  /// A message moves from new/ to cur/ and never back here, so this order misses none.
  [[nodiscard]] bool is_over() const {
    return std::filesystem::exists(all_put_) && queue_.count(Folder::ready) == 0 &&
           queue_.count(Folder::claimed) == 0;
  }

  const RealQueue& queue_;
  std::string all_put_{queue_.around() / "all put"};
  Pipe lines_;
  std::vector<std::unique_ptr<ChildProcess>> members_;
};

std::string take_and_ack(Claim& claim) {
  const std::string payload = claim.payload();
  claim.ack(Sync::none);
  return "took " + payload;
}

void put_numbers(RealQueue& queue, int count) {
  Producer producer{queue.path()};
  PutOptions options;
  options.sync = Sync::none;
  for (int i = 0; i < count; ++i) producer.put(std::to_string(i), options);
}

}  // namespace

TEST_CASE("four consumers get each message once, and few of their renames come too late",
          "[consumer][several]") {
  RealQueue queue;
  const bool while_put = GENERATE(false, true);
  CAPTURE(while_put);
  if (!while_put) put_numbers(queue, kMessages);
  Crew crew{queue, kConsumers, take_and_ack};
  if (while_put) put_numbers(queue, kMessages);
  std::map<int, int> seen;
  std::map<int, int> share;
  int lost = 0;
  for (const Crew::Line& line : crew.wait()) {
    if (line.what == "lost") {
      lost += line.number;
    } else {
      ++seen[line.number];
      ++share[line.consumer];
    }
  }
  CHECK(seen.size() == kMessages);
  CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& entry) { return entry.second == 1; }));
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) == 0);
  if (while_put) {
    // Each message may wake all of them.
    CHECK(lost < kConsumers * kMessages);
  } else {
    // Consumers that walked the same names in the same order would lose three for each message.
    CHECK(lost < kMessages);
    CHECK(share.size() == kConsumers);
  }
}

TEST_CASE("one producer and one consumer: the order of the puts", "[consumer][order]") {
  RealQueue queue;
  SECTION("with a backlog longer than the window") {
    put_numbers(queue, 3000);
    Consumer consumer = queue.consumer();
    for (int i = 0; i < 3000; ++i) {
      // Each puts one behind the others, where the window has room again.
      queue.put(std::to_string(3000 + i));
      auto claim = consumer.take(Duration{0});
      REQUIRE(claim);
      REQUIRE(claim->payload() == std::to_string(i));
      claim->ack(Sync::none);
    }
  }
  SECTION("while they are put") {
    ChildProcess producer{[&] { return put_numbers(queue, kMessages), 0; }};
    Consumer consumer = queue.consumer();
    for (int i = 0; i < kMessages; ++i) {
      auto claim = consumer.take(kLong);
      REQUIRE(claim);
      REQUIRE(claim->payload() == std::to_string(i));
      claim->ack(Sync::none);
    }
    CHECK(producer.wait() == 0);
  }
}

TEST_CASE("a better priority comes first, also one that is put later", "[consumer][order]") {
  RealQueue queue;
  const auto put_one = [&](const std::string& payload, int priority) {
    PutOptions options;
    options.priority = priority;
    queue.put(payload, options);
  };
  const bool waits = GENERATE(false, true);
  CAPTURE(waits);
  Consumer consumer = queue.consumer();
  const auto next = [&] {
    auto claim = waits ? consumer.take(Duration{0}) : consumer.try_take();
    if (!claim) return std::string{"nothing"};
    claim->ack(Sync::none);
    return claim->info().name;
  };
  const auto named = [&](const std::string& name, int priority) {
    PutOptions options;
    options.priority = priority;
    options.name = name;
    options.sync = Sync::none;
    Producer{queue.path()}.put(name, options);
  };
  put_one("unused", 9);
  named("a5", 5);
  named("b5", 5);
  named("c9", 9);
  named("d0", 0);
  CHECK(next() == "d0");
  CHECK(next() == "a5");
  named("e4", 4);
  CHECK(next() == "e4");
  CHECK(next() == "b5");
  named("f0", 0);
  CHECK(next() == "f0");
  CHECK(next().empty());
  CHECK(next() == "c9");
}

TEST_CASE("with several consumers the better priority still comes first", "[consumer][several]") {
  RealQueue queue;
  Producer producer{queue.path()};
  for (int i = 0; i < 400; ++i) {
    PutOptions options;
    options.priority = i % 2 == 0 ? 9 : 1;
    options.sync = Sync::none;
    producer.put(std::to_string(options.priority), options);
  }
  Crew crew{queue, kConsumers, take_and_ack};
  const auto lines = crew.wait();
  // The first to be handled with priority 9 comes when all with 1 are taken, give or take the one
  // that each consumer has in hand.
  int first = 0;
  int urgent_before = 0;
  for (const Crew::Line& line : lines) {
    if (line.what == "lost") continue;
    if (line.number == 9 && first == 0) first = urgent_before;
    if (line.number == 1) ++urgent_before;
  }
  CHECK(urgent_before == 200);
  CHECK(first >= 200 - 2 * kConsumers);
}

TEST_CASE("a consumer that is stopped keeps its claim", "[consumer][several][death]") {
  RealQueue queue;
  queue.put("hello");
  Pipe taken;
  ChildProcess holder{[&] {
    Consumer consumer{queue.path()};
    auto claim = consumer.take(kLong);
    taken.send("+");
    for (;;) ::pause();
    return 0;
  }};
  REQUIRE(taken.receive(1) == "+");
  REQUIRE(::kill(holder.pid(), SIGSTOP) == 0);
  int status = 0;
  REQUIRE(::waitpid(holder.pid(), &status, WUNTRACED) == holder.pid());
  REQUIRE(WIFSTOPPED(status));
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{500}));
  CHECK(queue.open().reap().returned == 0);
  CHECK(queue.count(Folder::claimed) == 1);
  SECTION("until it is killed") {
    holder.kill();
    const auto claim = take_before_tick(consumer);
    REQUIRE(claim);
    CHECK(claim->info().attempts == 2);
  }
}

TEST_CASE("a message whose consumers die fails after the last attempt",
          "[consumer][several][death]") {
  RealQueue queue{{{"max_attempts", "3"}}};
  queue.put("poison");
  queue.put("sound");
  Consumer watching = queue.consumer();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    Pipe taken;
    ChildProcess victim{[&] {
      Consumer consumer{queue.path()};
      auto claim = consumer.take(kLong);
      taken.send(claim && claim->payload() == "poison" ? std::to_string(claim->info().attempts)
                                                       : "-");
      ::raise(SIGKILL);
      return 0;
    }};
    CHECK(taken.receive(1) == std::to_string(attempt));
    CHECK(victim.wait() == 128 + SIGKILL);
  }
  auto claim = take_before_tick(watching);
  REQUIRE(claim);
  CHECK(claim->payload() == "sound");
  claim->ack();
  const Queue open = queue.open();
  const auto failed = open.list(State::failed);
  REQUIRE(failed.size() == 1);
  CHECK(failed.front().attempts == 3);
  CHECK(open.details(failed.front()).reason->text ==
        "given up after 3 of 3 attempts; its consumer died");
}

TEST_CASE("consumers that are killed at any time lose nothing", "[consumer][several][death]") {
  RealQueue queue{{{"max_attempts", "9999"}}};
  constexpr int kCount = 200;
  put_numbers(queue, kCount);
  Pipe acknowledged;
  std::vector<std::unique_ptr<ChildProcess>> crew;
  const auto hire = [&] {
    return std::make_unique<ChildProcess>([&] {
      Consumer consumer{queue.path()};
      while (auto claim = consumer.take(kLong)) {
        const std::string payload = claim->payload();
        claim->ack(Sync::none);
        acknowledged.send(fmt::format("{:04}\n", std::stoi(payload)));
      }
      return 0;
    });
  };
  for (int i = 0; i < kConsumers; ++i) crew.push_back(hire());
  std::map<std::string, int> seen;
  // Between ack and line a death is no loss: what is neither seen nor in the queue was finished.
  std::size_t next = 0;
  for (int deaths = 0; deaths < 40 && seen.size() < kCount / 2; ++deaths) {
    ++seen[acknowledged.receive(5)];
    crew[next]->kill();
    crew[next] = hire();
    next = (next + 1) % crew.size();
  }
  CHECK(eventually(
      [&] { return queue.count(Folder::ready) == 0 && queue.count(Folder::claimed) == 0; }));
  for (auto& member : crew) member->kill();
  acknowledged.close_sender();
  std::istringstream rest{acknowledged.receive_all()};
  for (std::string line; std::getline(rest, line);) ++seen[line + "\n"];
  CHECK(seen.size() >= kCount - 40);
  CHECK(std::all_of(seen.begin(), seen.end(), [](const auto& entry) { return entry.second == 1; }));
}

TEST_CASE("with order=strict a consumer that was beaten goes on at the best message",
          "[consumer][several][order]") {
  constexpr int kTries = 5;
  World world{{{"order", "strict"}}};
  for (int i = 0; i < 100; ++i) put(world.queue, fmt::format("{}", i));
  Consumer one{handle(world.open(world.disk))};
  Consumer other{handle(world.open(world.disk))};
  // It knows all names from now on, and does not learn of those that go.
  const auto first = other.try_take();
  REQUIRE(first);
  std::vector<Claim> kept;
  for (int i = 0; i < kTries; ++i) {
    auto taken = one.try_take();
    auto next = other.try_take();
    REQUIRE(taken);
    REQUIRE(next);
    CHECK(std::stoi(next->payload()) == std::stoi(taken->payload()) + 1);
    kept.push_back(std::move(*taken));
    kept.push_back(std::move(*next));
  }
}

}  // namespace spoolq::test
