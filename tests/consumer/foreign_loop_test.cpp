// A consumer inside an event loop that is not ours: its descriptor is readable when there may be
// something to take.
#include <fmt/core.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>

#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::milliseconds;

bool readable(int fd, Duration timeout = Duration{0}) {
  struct pollfd ready = {.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, static_cast<int>(timeout.count())) == 1;
}

/// Takes all there is, as the header says that a loop may.
std::vector<std::string> drain(Consumer& consumer) {
  std::vector<std::string> payloads;
  while (auto claim = consumer.try_take()) {
    payloads.push_back(claim->payload());
    claim->ack(Sync::none);
  }
  return payloads;
}

/// Refuses the renames of claims as long as it is told to.
class RefusingSys final : public ForwardingSys {
 public:
  RefusingSys() : ForwardingSys{detail::real_sys()} {}
  bool refuses = false;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (refuses && info.call == Call::renameat2) return SysResult::failure(EIO);
    return std::nullopt;
  }
};

}  // namespace

TEST_CASE("the descriptor of a consumer is readable until try_take gives nothing",
          "[consumer][loop]") {
  RealQueue queue;
  queue.put("one");
  queue.put("two");
  Consumer consumer = queue.consumer();
  const int fd = consumer.fd();
  CHECK(consumer.fd() == fd);
  REQUIRE(readable(fd));
  CHECK(consumer.try_take()->payload() == "one");  // And gives it back.
  CHECK(readable(fd));
  auto claim = consumer.try_take();
  REQUIRE(claim);
  claim->ack(Sync::none);  // Which is no event.
  CHECK(readable(fd));
  CHECK(drain(consumer) == std::vector<std::string>{"two"});
  // Nor a moment later: there is nothing to look at again.
  CHECK_FALSE(readable(fd, milliseconds{1500}));
}

TEST_CASE("what an event tells does not overtake what was there before the watch",
          "[consumer][loop][order]") {
  RealQueue queue;
  queue.put("one");
  Consumer consumer = queue.consumer();
  static_cast<void>(consumer.fd());
  queue.put("two");
  CHECK(drain(consumer) == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a put, a due message and a dead consumer make the descriptor readable",
          "[consumer][loop]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  const int fd = consumer.fd();
  drain(consumer);
  REQUIRE_FALSE(readable(fd));

  SECTION("a put by another process") {
    ChildProcess other{[&] {
      queue.put("hello");
      return 0;
    }};
    REQUIRE(readable(fd, kBeforeTick));
    CHECK(other.wait() == 0);
    CHECK(drain(consumer) == std::vector<std::string>{"hello"});
  }
  SECTION("a message that becomes due") {
    PutOptions options;
    options.delay = milliseconds{300};
    queue.put("later", options);
    std::vector<std::string> taken;
    // The put of the delayed message itself is an event too.
    for (int i = 0; i < 5 && taken.empty(); ++i) {
      REQUIRE(readable(fd, kBeforeTick));
      taken = drain(consumer);
    }
    CHECK(taken == std::vector<std::string>{"later"});
  }
  SECTION("a consumer that dies with a message") {
    queue.put("left");
    ChildProcess other{[&]() -> int {
      Consumer doomed = queue.consumer();
      const auto claim = doomed.try_take();
      ::_exit(claim ? 0 : 1);
    }};
    CHECK(other.wait() == 0);
    std::vector<std::string> taken;
    for (int i = 0; i < 5 && taken.empty(); ++i) {
      REQUIRE(readable(fd, kBeforeTick));
      taken = drain(consumer);
    }
    CHECK(taken == std::vector<std::string>{"left"});
  }
  SECTION("a queue that goes on after a pause") {
    queue.open().pause();
    drain(consumer);
    queue.put("waits");
    CHECK(drain(consumer).empty());
    REQUIRE_FALSE(readable(fd));
    queue.open().resume();
    REQUIRE(readable(fd, kBeforeTick));
    CHECK(drain(consumer) == std::vector<std::string>{"waits"});
  }
  SECTION("nothing, and upkeep is due in the end") { CHECK(readable(fd, milliseconds{6000})); }
}

TEST_CASE("a consumer works in a foreign epoll loop", "[consumer][loop]") {
  RealQueue queue;
  constexpr int kMessages = 200;
  Consumer consumer = queue.consumer();
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  REQUIRE(epoll >= 0);
  epoll_event event{};
  event.events = EPOLLIN;
  REQUIRE(::epoll_ctl(epoll, EPOLL_CTL_ADD, consumer.fd(), &event) == 0);
  ChildProcess producer{[&] {
    for (int i = 0; i < kMessages; ++i) queue.put(fmt::format("{}", i));
    return 0;
  }};
  std::vector<std::string> taken;
  while (static_cast<int>(taken.size()) < kMessages &&
         ::epoll_wait(epoll, &event, 1, static_cast<int>(kLong.count())) == 1) {
    // One call for each wake-up: the descriptor stays readable as long as there is more.
    if (auto claim = consumer.try_take()) {
      taken.push_back(claim->payload());
      claim->ack(Sync::none);
    }
  }
  ::close(epoll);
  CHECK(producer.wait() == 0);
  std::ranges::sort(taken);
  CHECK(static_cast<int>(taken.size()) == kMessages);
  CHECK(std::ranges::adjacent_find(taken) == taken.end());
}

TEST_CASE("a consumer works in a foreign uv_loop", "[consumer][loop]") {
  RealQueue queue;
  struct Work {
    Consumer consumer;
    uv_loop_t loop{};
    uv_poll_t poll{};
    uv_timer_t limit{};
    std::vector<std::string> taken{};
  } work{queue.consumer()};
  uv_loop_init(&work.loop);
  uv_poll_init(&work.loop, &work.poll, work.consumer.fd());
  work.poll.data = &work;
  uv_poll_start(&work.poll, UV_READABLE, [](uv_poll_t* handle, int, int) {
    Work& mine = *static_cast<Work*>(handle->data);
    for (const std::string& payload : drain(mine.consumer)) mine.taken.push_back(payload);
    if (mine.taken.size() == 2) uv_stop(handle->loop);
  });
  uv_timer_init(&work.loop, &work.limit);
  uv_timer_start(
      &work.limit, [](uv_timer_t* timer) { uv_stop(timer->loop); },
      static_cast<std::uint64_t>(kLong.count()), 0);
  ChildProcess producer{[&] {
    queue.put("one");
    queue.put("two");
    return 0;
  }};
  uv_run(&work.loop, UV_RUN_DEFAULT);
  uv_close(reinterpret_cast<uv_handle_t*>(&work.poll), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&work.limit), nullptr);
  uv_run(&work.loop, UV_RUN_DEFAULT);
  CHECK(uv_loop_close(&work.loop) == 0);
  CHECK(producer.wait() == 0);
  CHECK(work.taken == std::vector<std::string>{"one", "two"});
}

TEST_CASE("a loop that goes on after an error does not spin", "[consumer][loop]") {
  RealQueue queue;
  queue.put("one");
  RefusingSys sys;
  Consumer consumer = queue.consumer(sys);
  const int fd = consumer.fd();
  sys.refuses = true;
  CHECK_THROWS_AS(consumer.try_take(), Error);
  sys.refuses = false;
  CHECK_FALSE(readable(fd));
  CHECK(readable(fd, kBeforeTick));
  CHECK(drain(consumer) == std::vector<std::string>{"one"});
}

TEST_CASE("a forked child leaves the descriptor to its parent", "[consumer][loop][fork]") {
  RealQueue queue;
  std::optional<Consumer> consumer{queue.consumer()};
  const int fd = consumer->fd();
  drain(*consumer);
  ChildProcess child{[&] {
    const bool foreign = error_of([&] { return consumer->fd(); }) == errc::foreign_process;
    consumer.reset();
    return foreign ? 0 : 1;
  }};
  CHECK(child.wait() == 0);
  CHECK_FALSE(readable(fd));
  queue.put("one");
  REQUIRE(readable(fd, kBeforeTick));
  CHECK(drain(*consumer) == std::vector<std::string>{"one"});
}

TEST_CASE("an event that could not be dealt with hides none of those behind it",
          "[consumer][loop]") {
  RealQueue queue;
  RefusingSys sys;
  Consumer consumer = queue.consumer(sys);
  static_cast<void>(consumer.fd());
  drain(consumer);
  REQUIRE(::mkfifo(queue.path(Folder::ready, "pipe").c_str(), 0600) == 0);  // To go to bad/.
  queue.put("one");
  sys.refuses = true;
  CHECK_THROWS_AS(consumer.try_take(), Error);
  sys.refuses = false;
  CHECK(drain(consumer) == std::vector<std::string>{"one"});
}

TEST_CASE("a loop that goes on although the disk has failed does not spin", "[consumer][loop]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  const int fd = consumer.fd();
  drain(consumer);
  detail::QueueAccess::open(consumer.queue())->durability().condemn();
  queue.put("one");
  for (int i = 0; i < 2; ++i) {
    REQUIRE(readable(fd, kBeforeTick));
    CHECK_THROWS_AS(consumer.try_take(), Error);
    CHECK_FALSE(readable(fd));
  }
}

}  // namespace spoolq::test
