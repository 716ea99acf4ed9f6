// Puts that are refused or fail: nothing is left of them, and the error says what it is.
#include <functional>

#include "queue/store/queue_access.hpp"
#include "spoolq/producer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;

/// Fails one kind of call once, on a given descriptor or any, after doing something else.
class FailingOnce final : public ForwardingSys {
 public:
  FailingOnce(Sys& inner, Call call, int error)
      : ForwardingSys{inner}, call_{call}, error_{error} {}
  int fd = -1;                       ///< Only this one; -1 is any.
  std::function<void()> first = {};  ///< Done just before the failure.
  bool armed = true;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (!armed || info.call != call_ || (fd >= 0 && info.fd != fd)) return std::nullopt;
    armed = false;
    if (first) first();
    return SysResult::failure(error_);
  }

 private:
  Call call_;
  int error_;
};

PutOptions with(const std::function<void(PutOptions&)>& change) {
  PutOptions options;
  change(options);
  return options;
}

}  // namespace

TEST_CASE("what a name cannot hold is refused before anything is made", "[producer][options]") {
  World world;
  const Time now = world.queue->now();
  const std::vector<std::pair<const char*, std::function<void(PutOptions&)>>> bad{
      {"priority -1", [](PutOptions& options) { options.priority = -1; }},
      {"priority 10", [](PutOptions& options) { options.priority = 10; }},
      {"NUL in key", [](PutOptions& options) { options.key = std::string("a\0b", 3); }},
      {"NUL in type", [](PutOptions& options) { options.type = std::string("\0", 1); }},
      {"NUL in name", [](PutOptions& options) { options.name = std::string("n\0", 2); }},
      {"long key", [](PutOptions& options) { options.key = std::string(200, 'k'); }},
      {"long type", [](PutOptions& options) { options.type = std::string(200, 't'); }},
      {"encoded key", [](PutOptions& options) { options.key = std::string(40, '/'); }},
      {"both", [](PutOptions& options) { options.key = options.type = std::string(60, 'x'); }},
      {"header name", [](PutOptions& options) { options.headers["Bad"] = "x"; }},
      {"reserved header", [](PutOptions& options) { options.headers["reason"] = "x"; }},
      {"large headers", [](PutOptions& options) { options.headers["h"] = std::string(2048, 'x'); }},
      {"due after 2286",
       [](PutOptions& options) { options.due = Time{Duration{10'000'000'000'000}}; }},
      {"due at the end", [](PutOptions& options) { options.due = Time::max(); }},
      {"endless delay", [](PutOptions& options) { options.delay = Duration::max(); }},
      {"endless life", [](PutOptions& options) { options.time_to_live = Duration::max(); }},
      {"negative life", [](PutOptions& options) { options.time_to_live = Duration::min(); }},
      {"life before 1970",
       [&](PutOptions& options) { options.time_to_live = -(now.time_since_epoch() + hours{1}); }},
  };
  for (const auto& [what, change] : bad) {
    INFO(what);
    CHECK(error_of([&] { return put(world.queue, "x", with(change)); }) == errc::bad_value);
  }
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) + world.count(Folder::later) == 0);
}

TEST_CASE("the longest key fits, and the latest due time", "[producer][options]") {
  World world;
  PutOptions options;
  options.due = Time{Duration{9'999'999'999'999}};
  put(world.queue, "x", options);
  CHECK(handle(world.queue).list(State::delayed).at(0).due == options.due);
  options.due.reset();
  options.key = std::string(95, 'k');
  options.time_to_live = hours{1};
  put(world.queue, "x", options);
  CHECK(handle(world.queue).list(State::ready).at(0).key == options.key);
  options.key += 'k';
  CHECK(error_of([&] { return put(world.queue, "x", options); }) == errc::bad_value);
}

TEST_CASE("a payload of max_size is taken, one byte more is not", "[producer][limits]") {
  World world{{{"max_size", "10"}}};
  Producer producer{handle(world.queue)};
  producer.put("0123456789");
  CHECK(error_of([&] { return producer.put("0123456789a"); }) == errc::too_large);
  Draft draft = producer.draft();
  draft.write("01234");
  CHECK(error_of([&] {
          draft.write("56789a");
          return 0;
        }) == errc::too_large);
  CHECK(world.count(Folder::tmp) == 0);
  CHECK_THROWS_AS(draft.write(""), Error);
  CHECK_THROWS_AS(draft.commit(), Error);
  producer.put("again");
  CHECK(world.count(Folder::ready) == 2);
}

TEST_CASE("a file system without room for more is left alone", "[producer][limits]") {
  World world{{{"min_free", "1M"}}};
  world.disk.set_free_bytes((1U << 20U) - 1);
  const std::error_code full = error_of([&] { return put(world.queue, "x"); });
  CHECK(full == errc::queue_full);
  CHECK(full == condition::temporary);
  world.disk.set_free_bytes((1U << 20U) + 1);
  put(world.queue, "x");
  world.disk.set_free_inodes(15);
  CHECK(error_of([&] { return put(world.queue, "x"); }) == errc::queue_full);
  world.disk.set_free_inodes(16);
  put(world.queue, "x");
  CHECK(world.count(Folder::tmp) == 0);
}

TEST_CASE("nothing free at all is refused whatever min_free says", "[producer][limits]") {
  World world{{{"min_free", "0"}}};
  world.disk.set_free_bytes(0);
  CHECK(error_of([&] { return put(world.queue, "x"); }) == errc::queue_full);
  CHECK(world.count(Folder::tmp) == 0);
  world.disk.set_free_bytes(1U << 20U);
  put(world.queue, "x");
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("a full disk refuses the put and keeps the ballast", "[producer][limits]") {
  World world;
  world.disk.set_capacity(200'000);
  // Of a size that is not told: otherwise it would not be begun.
  const std::string large(200'000, 'x');
  Producer producer{handle(world.queue)};
  CHECK(error_of([&] { producer.draft().write(large); }) == errno_code(ENOSPC));
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) == 0);
  CHECK(world.disk.exists("/q/ballast"));
  put(world.queue, "small");
}

TEST_CASE("a put that fails on the way leaves nothing", "[producer][errors]") {
  struct Case {
    Call call;
    int error;
  };
  const auto each =
      GENERATE(Case{Call::flock, ENOLCK}, Case{Call::fstat, EIO}, Case{Call::fchmod, EPERM},
               Case{Call::write, ENOSPC}, Case{Call::fsync, EIO}, Case{Call::renameat2, ENOSPC},
               Case{Call::renameat2, EACCES}, Case{Call::renameat2, ENOENT});
  World world;
  FailingOnce sys{world.disk, each.call, each.error};
  sys.armed = false;
  const auto queue = world.open(sys);
  sys.armed = true;
  INFO(to_string(each.call));
  CHECK(error_of([&] { return put(queue, "x"); }) == errno_code(each.error));
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) == 0);
}

TEST_CASE("a put whose folder does not sync is taken back", "[producer][errors]") {
  World world;
  FailingOnce sys{world.disk, Call::fsync, EIO};
  const auto queue = world.open(sys);
  sys.fd = queue->fd(Folder::ready);
  CHECK(error_of([&] { return put(queue, "x"); }) == errno_code(EIO));
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) == 0);
  CHECK(error_of([&] { return put(queue, "x"); }) == errc::condemned);
}

TEST_CASE("a put that cannot be taken back, because it is claimed, is indeterminate",
          "[producer][errors]") {
  World world;
  FailingOnce sys{world.disk, Call::fsync, EIO};
  const auto queue = world.open(sys);
  sys.fd = queue->fd(Folder::ready);
  sys.first = [&] { claim_only(*world.queue); };
  const std::error_code error = error_of([&] { return put(queue, "x"); });
  CHECK(error == errc::indeterminate);
  CHECK(error != condition::temporary);
  CHECK(world.count(Folder::claimed) == 1);
  CHECK(error_of([&] { return put(queue, "x"); }) == errc::condemned);
}

}  // namespace spoolq::test
