// Putting messages: whole or not at all, in every way there is, and what is refused.
#include "spoolq/producer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <fstream>
#include <set>
#include <sstream>
#include <streambuf>
#include <thread>

#include "queue/os/checksum.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

std::string payload_of(World& world, const StoredMessage& message) {
  return world.disk.read_file(world.path(message.at.folder(), message.at.file()));
}

/// A stream of `size` bytes that are made when they are read.
class Generated final : public std::streambuf {
 public:
  explicit Generated(std::uint64_t size) : left_{size} {}
  [[nodiscard]] std::uint64_t checksum() const { return sum_.value(); }

 protected:
  std::streamsize xsgetn(char* to, std::streamsize wanted) override {
    const auto size = std::min(static_cast<std::uint64_t>(wanted), left_);
    std::memset(to, static_cast<int>(left_ >> 16U), size);
    sum_.update({to, size});
    left_ -= size;
    return static_cast<std::streamsize>(size);
  }

 private:
  std::uint64_t left_;
  detail::Checksum sum_;
};

/// A stream whose device fails after some bytes.
class Breaking final : public std::streambuf {
 protected:
  std::streamsize xsgetn(char* to, std::streamsize wanted) override {
    if (read_) throw std::runtime_error{"the device is gone"};
    read_ = true;
    std::memset(to, 'x', static_cast<std::size_t>(wanted));
    return wanted;
  }
  int_type underflow() override { throw std::runtime_error{"the device is gone"}; }

 private:
  bool read_ = false;
};

/// Counts what is written and keeps none of it.
class Swallowing final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;
  SysResult write(int, const void*, std::size_t size) override {
    bytes += size;
    largest = std::max(largest, size);
    return SysResult::success(static_cast<std::int64_t>(size));
  }
  std::uint64_t bytes = 0;
  std::size_t largest = 0;
};

PutOptions with(const std::function<void(PutOptions&)>& change) {
  PutOptions options;
  change(options);
  return options;
}

}  // namespace

TEST_CASE("every way to put gives the same message", "[producer][put]") {
  World world;
  Producer producer{handle(world.queue)};
  std::string payload = "some bytes, ";
  payload += '\0';
  payload += "\xff\n";
  SECTION("text") { producer.put(payload); }
  SECTION("bytes") { producer.put(std::as_bytes(std::span{payload})); }
  SECTION("stream") {
    std::istringstream stream{payload};
    producer.put(stream);
  }
  SECTION("draft") {
    Draft draft = producer.draft();
    draft.write(std::string_view{payload}.substr(0, 3));
    draft.write(std::as_bytes(std::span{payload}.subspan(3)));
    draft.write("");
    const MessageId id = draft.id();
    CHECK(world.count(Folder::ready) == 0);
    CHECK(draft.commit() == id);
  }
  const StoredMessage message = only(*world.queue, State::ready);
  CHECK(payload_of(world, message) == payload);
  detail::Checksum sum;
  sum.update(payload);
  CHECK(message.name.size == payload.size());
  CHECK(message.name.checksum == sum.value());
  CHECK(world.count(Folder::tmp) == 0);
}

TEST_CASE("an empty payload is a message", "[producer][put]") {
  World world;
  std::istringstream nothing;
  Producer{handle(world.queue)}.put(nothing);
  CHECK(only(*world.queue, State::ready).name.size == 0);
}

TEST_CASE("a draft that is not committed leaves nothing", "[producer][draft]") {
  World world;
  Producer producer{handle(world.queue)};
  {
    Draft draft = producer.draft();
    draft.write("half of a message");
    CHECK(world.count(Folder::tmp) == 1);
    Draft moved = std::move(draft);
    CHECK(world.count(Folder::tmp) == 1);
    moved = producer.draft();
    CHECK(world.count(Folder::tmp) == 1);
  }
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) == 0);
}

TEST_CASE("a draft is committed once", "[producer][draft]") {
  World world;
  Draft draft = Producer{handle(world.queue)}.draft();
  draft.commit();
  CHECK_THROWS_AS(draft.commit(), Error);
  CHECK_THROWS_AS(draft.write("more"), Error);
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("a draft counts its delay from its beginning", "[producer][draft]") {
  World world;
  PutOptions options;
  options.delay = minutes{10};
  options.time_to_live = minutes{20};
  const Time begun = world.queue->now();
  Draft draft = Producer{handle(world.queue)}.draft(options);
  world.disk.advance(minutes{5});
  draft.commit();
  const MessageInfo info = handle(world.queue).list(State::delayed).at(0);
  CHECK(*info.due - begun < minutes{11});
  CHECK(*info.expires - begun < minutes{21});
}

TEST_CASE("64 MiB pass through in small parts", "[producer][stream]") {
  constexpr std::uint64_t kSize = std::uint64_t{64} << 20U;
  World world;
  world.disk.record_calls(false);
  Swallowing sys{world.disk};
  Generated generated{kSize};
  std::istream stream{&generated};
  put(world.open(sys), "");
  Producer{handle(world.open(sys))}.put(stream);
  CHECK(sys.bytes == kSize);
  CHECK(sys.largest <= 65'536);
  const auto ready = messages(*world.queue, State::ready);
  CHECK(ready.back().name.size == kSize);
  CHECK(ready.back().name.checksum == generated.checksum());
}

TEST_CASE("a stream that fails puts nothing", "[producer][stream]") {
  World world;
  Producer producer{handle(world.queue)};
  Breaking breaking;
  std::istream bad{&breaking};
  CHECK(error_of([&] { return producer.put(bad); }) == errno_code(EIO));
  std::ifstream missing{"/nonexistent/file"};
  CHECK(error_of([&] { return producer.put(missing); }) == errno_code(EIO));
  std::istringstream failed{"x"};
  failed.setstate(std::ios::failbit);
  CHECK(error_of([&] { return producer.put(failed); }) == errno_code(EIO));
  CHECK(world.count(Folder::tmp) + world.count(Folder::ready) == 0);
}

TEST_CASE("threads put together and nothing is lost", "[producer][threads]") {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  const MemoryDirectory directory;
  const Queue queue = Queue::init(directory / "q", {{"min_free", "0"}});
  Producer producer{queue};
  std::vector<std::set<MessageId>> ids(kThreads);
  std::atomic<int> out_of_order{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      MessageId last;
      for (int n = 0; n < kEach; ++n) {
        const MessageId id = producer.put(fmt::format("{} of {}", n, i));
        if (id <= last) ++out_of_order;
        ids[i].insert(last = id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(out_of_order == 0);
  std::set<MessageId> all;
  for (const auto& each : ids) all.insert(each.begin(), each.end());
  CHECK(all.size() == kThreads * kEach);
  const auto listed = queue.list(State::ready);
  CHECK(listed.size() == all.size());
  CHECK(std::equal(all.begin(), all.end(), listed.begin(), listed.end(),
                   [](const MessageId& id, const MessageInfo& info) { return id == info.id; }));
  std::set<std::string> payloads;
  for (const MessageInfo& info : listed) {
    std::ifstream file{info.path};
    payloads.insert({std::istreambuf_iterator<char>{file}, {}});
  }
  CHECK(payloads.size() == all.size());
}

TEST_CASE("a put without durability makes no sync call", "[producer][durability]") {
  World world;
  put(world.queue, "x", with([](PutOptions& options) { options.sync = Sync::none; }));
  for (const CallRecord& each : world.disk.calls()) {
    INFO(to_string(each));
    CHECK((each.call != Call::fsync && each.call != Call::syncfs));
  }
  CHECK(world.count(Folder::ready) == 1);
}

TEST_CASE("options stand in the name", "[producer][options]") {
  World world;
  PutOptions options;
  options.priority = 2;
  options.time_to_live = hours{1};
  options.key = "user/7";
  options.type = "text/plain; charset=utf-8";
  options.name = "r\xc3\xa4port.txt";
  const Time now = world.queue->now();
  put(world.queue, "x", options);
  const MessageInfo info = handle(world.queue).list(State::ready).at(0);
  CHECK(info.priority == 2);
  CHECK(info.key == options.key);
  CHECK(info.type == options.type);
  CHECK(info.name == options.name);
  CHECK(info.attempts == 0);
  CHECK(info.size == 1);
  CHECK(*info.expires - now - hours{1} < Duration{1'000});
  CHECK(info.enqueued() == info.id.time());
}

TEST_CASE("a message that is due now or earlier is ready", "[producer][options]") {
  World world;
  const Time now = world.queue->now();
  for (const Duration before : {Duration{0}, Duration{1}, Duration{hours{100}}}) {
    put(world.queue, "x", with([&](PutOptions& options) { options.due = now - before; }));
  }
  put(world.queue, "x", with([](PutOptions& options) { options.delay = Duration{-1}; }));
  put(world.queue, "x", with([](PutOptions& options) { options.delay = Duration::min(); }));
  put(world.queue, "x", with([](PutOptions& options) { options.due = Time::min(); }));
  // `due` takes the place of `delay`.
  put(world.queue, "x", with([&](PutOptions& options) {
        options.due = now;
        options.delay = hours{1};
      }));
  CHECK(world.count(Folder::ready) == 7);
  put(world.queue, "x", with([&](PutOptions& options) { options.due = now + hours{1}; }));
  put(world.queue, "x", with([&](PutOptions& options) { options.delay = hours{1}; }));
  CHECK(handle(world.queue).list(State::delayed).size() == 2);
}

TEST_CASE("a producer opens its queue by path", "[producer]") {
  const MemoryDirectory directory;
  CHECK(error_of([&] { return Producer{directory / "q"}.put("x"); }) == errc::not_a_queue);
  Queue::init(directory / "q", {{"min_free", "0"}});
  Producer producer{directory / "q"};
  const MessageId id = producer.put("x");
  CHECK(producer.queue().find("@newest", {State::ready}).id == id);
}

}  // namespace spoolq::test
