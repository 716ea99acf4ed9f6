// A paused queue: nobody is given anything, everything else goes on.
#include <filesystem>

#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {

TEST_CASE("a paused queue gives nothing and takes puts", "[consumer][pause]") {
  RealQueue queue;
  Queue open = queue.open();
  Consumer consumer = queue.consumer();
  queue.put("one");
  queue.put("two");
  auto claim = consumer.try_take();
  REQUIRE(claim);

  open.pause();
  open.pause();  // Again is no error.
  CHECK(open.paused());
  CHECK(open.stats().paused);
  CHECK_FALSE(consumer.try_take());
  CHECK_FALSE(consumer.take(Duration{50}));
  CHECK_FALSE(queue.consumer().try_take());
  claim->ack();  // What is held is finished as ever.
  queue.put("three");
  CHECK(queue.count(Folder::ready) == 2);

  open.resume();
  open.resume();
  CHECK_FALSE(open.paused());
  CHECK(consumer.try_take()->payload() == "two");
}

TEST_CASE("a consumer that watches the queue notices at once that it is paused",
          "[consumer][pause]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{0}));
  queue.put("hello");
  queue.open().pause();
  CHECK_FALSE(consumer.try_take());
  SECTION("and that it goes on") {
    queue.open().resume();
    CHECK(consumer.try_take());
  }
  SECTION("and that somebody moved the file away, and back") {
    std::filesystem::rename(queue.path() + "/paused", queue.around() / "paused");
    CHECK(consumer.try_take());
    std::filesystem::rename(queue.around() / "paused", queue.path() + "/paused");
    CHECK_FALSE(consumer.try_take());
  }
}

TEST_CASE("a consumer that does not watch notices at each look that the queue is paused",
          "[consumer][pause]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.try_take());
  queue.open().pause();
  queue.put("hello");
  CHECK_FALSE(consumer.try_take());
  queue.open().resume();
  CHECK(consumer.try_take());
}

TEST_CASE("whoever waits while a queue is paused wakes at resume", "[consumer][pause]") {
  RealQueue queue;
  queue.put("hello");
  queue.open().pause();
  Consumer consumer = queue.consumer();
  const pid_t self = this_thread();
  ChildProcess other{[&] { return when_waiting(self, [&] { queue.open().resume(); }) ? 0 : 1; }};
  auto claim = take_before_tick(consumer);
  CHECK(other.wait() == 0);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
}

TEST_CASE("upkeep goes on while a queue is paused", "[consumer][pause]") {
  RealQueue queue;
  PutOptions options;
  options.delay = Duration{50};
  queue.put("due", options);
  queue.open().pause();
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{500}));
  CHECK(queue.count(Folder::ready) == 1);
  CHECK(queue.count(Folder::later) == 0);
}

TEST_CASE("changed settings reach a waiting consumer at once", "[consumer][pause]") {
  RealQueue queue{{{"settle", "1h"}}};
  Consumer consumer = queue.consumer();
  write_file(queue.path(Folder::ready, "report.txt"), "written in place");
  REQUIRE_FALSE(consumer.try_take());
  const pid_t self = this_thread();
  ChildProcess other{[&] {
    return when_waiting(self, [&] { queue.open().configure({{"settle", "0"}}); }) ? 0 : 1;
  }};
  static_cast<void>(consumer.take(kBeforeTick));
  CHECK(other.wait() == 0);
  CHECK(detail::QueueAccess::open(consumer.queue())->settings()->settle == Duration{0});
}

TEST_CASE("a Maildir cannot be paused", "[consumer][pause]") {
  const Scratch scratch;
  for (const char* folder : {"tmp", "new", "cur"}) {
    std::filesystem::create_directories(scratch.path() / "mail" / folder);
  }
  Queue mail = Queue::open(scratch / "mail");
  CHECK(error_of([&] { mail.pause(); }) == errc::not_a_queue);
  CHECK(error_of([&] { mail.resume(); }) == errc::not_a_queue);
  CHECK_FALSE(mail.paused());
}

}  // namespace spoolq::test
