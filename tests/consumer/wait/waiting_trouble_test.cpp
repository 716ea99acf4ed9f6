// Waiting while others die, folders move, and the kernel has no events to give.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A process that takes a message and keeps it.
class Holder {
 public:
  explicit Holder(const RealQueue& queue)
      : child_{[&] {
          Consumer consumer{queue.path()};
          const auto claim = consumer.take(kLong);
          taken_.send(claim ? "+" : "-");
          for (;;) ::pause();
          return 0;
        }} {}

  bool has_taken() const { return taken_.receive(1) == "+"; }
  ChildProcess& process() { return child_; }

 private:
  Pipe taken_;
  ChildProcess child_;
};

/// Fails the next look at the directory `fails` after `names_read` reads of names.
class FailingLook final : public ForwardingSys {
 public:
  explicit FailingLook(int names_read) : ForwardingSys{detail::real_sys()}, reads_{names_read} {}
  int fails = -1;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::getdents64 || info.fd != looked_at_ || reads_-- > 0) return std::nullopt;
    looked_at_ = fails = -1;
    return SysResult::failure(EIO);
  }
  SysResult after(const CallInfo& info, SysResult result) override {
    if (fails >= 0 && info.call == Call::openat && info.fd == fails) looked_at_ = result.fd();
    return result;
  }

 private:
  int reads_;
  int looked_at_ = -1;
};

}  // namespace

TEST_CASE("a look that failed is made again at the next call", "[consumer][waiting]") {
  RealQueue queue;
  queue.put("one");
  FailingLook sys{0};
  Consumer consumer = queue.consumer(sys);
  static_cast<void>(consumer.fd());  // It watches: no event tells of what was there before.
  sys.fails = detail::QueueAccess::open(consumer.queue())->fd(Folder::ready);
  CHECK(error_of([&] { return consumer.try_take(); }) == errno_code(EIO));
  CHECK(sys.fails == -1);
  auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->payload() == "one");
}

TEST_CASE("what a look saw before it failed is not served out of order", "[consumer][waiting]") {
  RealQueue queue;
  // More than the window holds, and several reads of names for each look.
  constexpr int kMessages = 3000;
  for (int i = 0; i < kMessages; ++i) queue.put(std::to_string(i));
  FailingLook sys{1};
  Consumer consumer = queue.consumer(sys);
  bool failed = false;
  for (int i = 0; i < kMessages; ++i) {
    if (i == 100) sys.fails = detail::QueueAccess::open(consumer.queue())->fd(Folder::ready);
    std::optional<Claim> claim;
    if (error_of([&] { claim = consumer.try_take(); })) {
      failed = true;
      claim = consumer.try_take();
    }
    REQUIRE(claim);
    REQUIRE(claim->payload() == std::to_string(i));
    claim->ack(Sync::none);
  }
  CHECK(failed);
}

TEST_CASE("a file that is not finished keeps no consumer busy, however short settle is",
          "[consumer][waiting]") {
  RealQueue queue{{{"settle", "0"}}};
  write_file(queue.path(Folder::ready, "report.txt"), "");
  CountingSys sys;
  Consumer consumer = queue.consumer(sys);
  CHECK_FALSE(consumer.take(Duration{1000}));
  CHECK(sys.total() < 1000);
  write_file(queue.path(Folder::ready, "report.txt"), "finished");
  CHECK(take_before_tick(consumer));
}

TEST_CASE("a folder that is gone is an error, not a lost race for every message",
          "[consumer][waiting]") {
  RealQueue queue;
  for (int i = 0; i < 100; ++i) queue.put("hello");
  ChildProcess child{[&] {
    ::alarm(10);
    Consumer consumer = queue.consumer();
    consumer.try_take()->ack(Sync::none);
    fs::remove(queue.path(Folder::claimed));
    return error_of([&] { return consumer.try_take(); }) == errc::not_a_queue ? 0 : 1;
  }};
  CHECK(child.wait() == 0);
}

TEST_CASE("a consumer that waits gets the claim of one that was killed",
          "[consumer][waiting][death]") {
  RealQueue queue;
  queue.put("hello");
  Holder holder{queue};
  REQUIRE(holder.has_taken());
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{0}));
  const pid_t self = this_thread();
  const pid_t victim = holder.process().pid();
  ChildProcess killer{[&] { return when_waiting(self, [&] { ::kill(victim, SIGKILL); }) ? 0 : 1; }};
  auto claim = take_before_tick(consumer);
  CHECK(killer.wait() == 0);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  CHECK(claim->info().attempts == 2);
  CHECK(queue.log.has("its consumer died"));
}

TEST_CASE("a consumer that starts after a death has the dead one's message at once",
          "[consumer][death]") {
  RealQueue queue;
  queue.put("hello");
  Holder holder{queue};
  REQUIRE(holder.has_taken());
  holder.process().kill();
  Consumer consumer = queue.consumer();
  const auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->info().attempts == 2);
}

TEST_CASE("a queue that is removed ends the wait with an error", "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  const pid_t self = this_thread();
  ChildProcess other{
      [&] { return when_waiting(self, [&] { fs::remove_all(queue.path()); }) ? 0 : 1; }};
  CHECK(error_of([&] { return consumer.take(kLong); }) == errc::not_a_queue);
  CHECK(other.wait() == 0);
}

TEST_CASE("a queue that is renamed while a consumer waits goes on", "[consumer][waiting]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  const std::string moved = queue.around() / "moved";
  const pid_t self = this_thread();
  ChildProcess other{[&] {
    return when_waiting(self,
                        [&] {
                          fs::rename(queue.path(), moved);
                          Producer{moved}.put("hello");
                        })
               ? 0
               : 1;
  }};
  auto claim = take_before_tick(consumer);
  CHECK(other.wait() == 0);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  claim->ack();
  CHECK(names_in(moved + "/cur").empty());
}

TEST_CASE("nothing is lost when the kernel drops events", "[consumer][waiting][overflow]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{0}));
  flood(queue);
  queue.put("hello");
  PutOptions later;
  later.delay = Duration{100};
  queue.put("later", later);
  const auto first = take_before_tick(consumer);
  CHECK(queue.log.has("overflow"));
  REQUIRE(first);
  const auto second = take_before_tick(consumer);
  CHECK(second);
}

TEST_CASE("a death whose event was dropped is noticed", "[consumer][waiting][overflow]") {
  RealQueue queue;
  queue.put("hello");
  Holder holder{queue};
  REQUIRE(holder.has_taken());
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{0}));
  flood(queue);
  holder.process().kill();
  CHECK(take_before_tick(consumer));
}

TEST_CASE("without inotify a consumer looks at intervals", "[consumer][waiting]") {
  RealQueue queue;
  give_to_nobody(queue);
  Pipe report;
  ChildProcess child{[&] {
    go_without_inotify();
    Consumer consumer = queue.consumer();
    const pid_t self = this_thread();
    std::thread producer{[&] { when_waiting(self, [&] { queue.put("hello"); }); }};
    const auto claim = take_before_tick(consumer);
    producer.join();
    report.send(queue.log.has("looking at intervals instead") ? "reported," : "silent,");
    report.send(claim ? "taken" : "nothing");
    return 0;
  }};
  report.close_sender();
  CHECK(report.receive_all() == "reported,taken");
  CHECK(child.wait() == 0);
}

}  // namespace spoolq::test
