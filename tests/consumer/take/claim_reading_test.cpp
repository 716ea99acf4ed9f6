// Reading a claimed message: whole or in parts, and what happens when it is not what was put.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <span>

#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// Bytes of every value, not the same in any two blocks.
std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

std::string read_in_parts(Claim& claim, std::size_t part) {
  std::string all;
  std::vector<std::byte> buffer(part);
  while (const std::size_t size = claim.read(buffer)) {
    all.append(reinterpret_cast<const char*>(buffer.data()), size);
  }
  return all;
}

/// What can become of a message's file behind our back.
void overwrite_byte(const std::string& path) {
  std::string bytes = read_file(path);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write_file(path, bytes);
}
void cut_off(const std::string& path) { fs::resize_file(path, fs::file_size(path) - 1); }
void make_longer(const std::string& path) { write_file(path, read_file(path) + "x"); }
void make_empty(const std::string& path) { fs::resize_file(path, 0); }

struct Damage {
  const char* name;
  void (*apply)(const std::string& path);
};
constexpr std::array kDamages{
    Damage{"a wrong byte", overwrite_byte},
    Damage{"a byte less", cut_off},
    Damage{"a byte more", make_longer},
    Damage{"nothing left", make_empty},
};

void make_old(const std::string& path) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours{1});
}

std::optional<Claim> take(RealQueue& queue) { return queue.consumer().try_take(); }
std::optional<Claim> take(World& world) { return Consumer{handle(world.queue)}.try_take(); }

}  // namespace

TEST_CASE("a payload comes out as it went in", "[consumer][claim][payload]") {
  World world;
  const std::size_t size =
      GENERATE(as<std::size_t>{}, 0, 1, 65'535, 65'536, 65'537, 131'072, 1'000'003);
  const std::string payload = pattern(size);
  put(world.queue, payload);
  auto claim = take(world);
  REQUIRE(claim);
  CHECK(claim->info().size == size);
  CHECK((claim->payload() == payload));
  SECTION("a second time too") { CHECK((claim->payload() == payload)); }
}

TEST_CASE("a payload can be read in parts of any size", "[consumer][claim][payload]") {
  World world;
  const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 4096, 10'007);
  const std::size_t part = GENERATE(as<std::size_t>{}, 1, 7, 4096, 10'007, 10'008, 65'536);
  const std::string payload = pattern(size);
  put(world.queue, payload);
  auto claim = take(world);
  REQUIRE(claim);
  CHECK((read_in_parts(*claim, part) == payload));
  std::array<std::byte, 8> more;
  CHECK(claim->read(more) == 0);
  CHECK(claim->read(more) == 0);
  claim->ack();
  CHECK(world.count(Folder::claimed) == 0);
}

TEST_CASE("the whole payload can be had after a part was read", "[consumer][claim][payload]") {
  World world;
  const std::string payload = pattern(100'000);
  put(world.queue, payload);
  auto claim = take(world);
  REQUIRE(claim);
  std::vector<std::byte> part(GENERATE(as<std::size_t>{}, 0, 1, 99'999, 100'000, 100'001));
  CHECK(claim->read(part) == std::min<std::size_t>(part.size(), 100'000));
  CHECK((claim->payload() == payload));
}

TEST_CASE("a read into no room reads nothing", "[consumer][claim][payload]") {
  World world;
  put(world.queue, "hello");
  auto claim = take(world);
  REQUIRE(claim);
  CHECK(claim->read({}) == 0);
  CHECK(claim->payload() == "hello");
}

TEST_CASE("the path of a claim is the payload's file", "[consumer][claim]") {
  RealQueue queue;
  queue.put("hello");
  auto claim = take(queue);
  REQUIRE(claim);
  CHECK(fs::path{claim->path()}.is_absolute());
  CHECK(read_file(claim->path()) == "hello");
}

TEST_CASE("what was damaged after the claim goes to bad/, and the next message comes",
          "[consumer][claim][damage]") {
  RealQueue queue;
  const Damage damage = GENERATE(from_range(kDamages));
  const bool in_parts = GENERATE(false, true);
  CAPTURE(damage.name, in_parts);
  queue.put(pattern(10'000));
  queue.put("sound");
  Consumer consumer = queue.consumer();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  damage.apply(claim->path());

  const std::error_code code =
      error_of([&] { return in_parts ? read_in_parts(*claim, 999) : claim->payload(); });
  CHECK(code == errc::damaged);
  CHECK_FALSE(claim->held());
  CHECK(error_of([&] { return claim->ack(), 0; }) == errc::claim_lost);
  CHECK(queue.count(Folder::bad) == 1);
  CHECK(queue.count(Folder::claimed) == 0);
  CHECK(queue.log.has("moved to bad/"));
  claim.reset();
  auto next = consumer.try_take();
  REQUIRE(next);
  CHECK(next->payload() == "sound");
}

TEST_CASE("damage that comes between two readings is found", "[consumer][claim][damage]") {
  RealQueue queue;
  queue.put("hello");
  auto claim = take(queue);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  overwrite_byte(claim->path());
  CHECK(error_of([&] { return claim->payload(); }) == errc::damaged);
}

TEST_CASE("what was damaged before the claim is never handed out whole",
          "[consumer][claim][damage]") {
  RealQueue queue;
  const Damage damage = GENERATE(from_range(kDamages));
  CAPTURE(damage.name);
  PutOptions first;
  first.priority = 0;
  queue.put(pattern(10'000), first);
  queue.put("sound");
  const std::string file = queue.path(Folder::ready, queue.names(Folder::ready).front());
  damage.apply(file);
  make_old(file);
  Consumer consumer = queue.consumer();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  if (claim->info().priority == 0) {
    // The size is right: only reading can tell.
    CHECK(error_of([&] { return claim->payload(); }) == errc::damaged);
    claim = consumer.try_take();
    REQUIRE(claim);
  }
  CHECK(claim->payload() == "sound");
  CHECK(queue.count(Folder::bad) == 1);
  CHECK(queue.count(Folder::ready) == 0);
}

TEST_CASE("a message without size and checksum is read as it is", "[consumer][claim][payload]") {
  RealQueue queue;
  const std::string plain = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";
  write_file(queue.path(Folder::ready, plain), "hello");
  auto claim = take(queue);
  REQUIRE(claim);
  CHECK(claim->id().to_string() == plain.substr(2));
  CHECK_FALSE(claim->info().size);
  CHECK(claim->payload() == "hello");
}

TEST_CASE("a wrong checksum while somebody still writes is no damage",
          "[consumer][claim][damage]") {
  RealQueue queue;
  queue.put("hello");
  Consumer consumer = queue.consumer();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  overwrite_byte(claim->path());
  const int writer = ::open(claim->path().c_str(), O_RDWR);
  REQUIRE(writer >= 0);
  CHECK(error_of([&] { return claim->payload(); }) == errc::damaged);
  CHECK(queue.count(Folder::bad) == 0);
  const auto ready = queue.open().list(State::ready);
  REQUIRE(ready.size() == 1);
  CHECK(ready.front().attempts == 0);
  // The writer finishes.
  CHECK(::pwrite(writer, "hello", 5, 0) == 5);
  ::close(writer);
  auto again = consumer.take(kLong);
  REQUIRE(again);
  CHECK(again->payload() == "hello");
  CHECK(again->info().attempts == 1);
}

}  // namespace spoolq::test
