// Who is alive: locked files, spare files, kill -9, and what a forked child must not do.
#include "queue/store/consumer_locks.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <thread>

#include "spoolq/consumer.hpp"
#include "tests/model/world.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"
#include "tests/support/forwarding_sys.hpp"
#include "tests/support/mutant_sys.hpp"
#include "tests/support/temporary_directory.hpp"

namespace spoolq::test {
namespace {

using detail::is_alive;
using detail::Registration;

constexpr std::size_t kConsumerName = 16;
constexpr std::int64_t kNfs = 0x6969;

std::size_t count_spares(const World& world) {
  const auto names = world.names(Folder::consumers);
  return static_cast<std::size_t>(std::count_if(
      names.begin(), names.end(), [](const auto& name) { return name.starts_with("spare."); }));
}

/// A queue on a real file system, for locks between real processes.
struct RealWorld {
  RealWorld() {
    detail::init_queue(detail::real_sys(), path, {{"min_free", "0"}});
    queue = open_queue(detail::real_sys(), path);
  }
  MemoryDirectory directory;
  std::string path = directory / "q";
  std::shared_ptr<OpenQueue> queue;
};

/// Refuses to make files, as a full disk does.
class NoNewFiles final : public ForwardingSys {
 public:
  using ForwardingSys::ForwardingSys;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call != Call::openat || (info.flags & O_CREAT) == 0) return std::nullopt;
    return SysResult::failure(ENOSPC);
  }
};

/// Does something once, just before the first flock.
class BeforeLock final : public ForwardingSys {
 public:
  BeforeLock(Sys& inner, std::function<void(Sys&, const std::string&)> act)
      : ForwardingSys{inner}, act_{std::move(act)} {}

 protected:
  SysResult after(const CallInfo& info, SysResult result) override {
    if (info.call == Call::openat && info.name != nullptr) opened_ = info.name;
    return result;
  }
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call == Call::flock) {
      if (const auto act = std::exchange(act_, {})) act(inner(), opened_);
    }
    return std::nullopt;
  }

 private:
  std::function<void(Sys&, const std::string&)> act_;
  std::string opened_;
};

}  // namespace

TEST_CASE("a consumer is alive from its registration to its end", "[queue][liveness]") {
  World world;
  const auto other = world.open(world.disk);
  std::string name;
  {
    const Registration living{*world.queue};
    name = living.consumer();
    CHECK(detail::is_consumer_name(name));
    CHECK(is_alive(*world.queue, name));
    CHECK(is_alive(*other, name));
    CHECK(handle(other).stats().consumers == 1);
  }
  CHECK_FALSE(is_alive(*other, name));
  CHECK(handle(other).stats().consumers == 0);
}

TEST_CASE("without a file, or with one that nobody locks, a consumer is dead",
          "[queue][liveness]") {
  World world;
  CHECK_FALSE(is_alive(*world.queue, "0123456789abcdef"));
  world.disk.plant_file(world.path(Folder::consumers, "0123456789abcdef"), "{}");
  CHECK_FALSE(is_alive(*world.queue, "0123456789abcdef"));
  // Two who ask at the same time do not take each other for the owner.
  const auto opened =
      world.disk.openat(world.queue->fd(Folder::consumers), "0123456789abcdef", O_RDONLY);
  REQUIRE(world.disk.flock(opened.fd(), LOCK_SH).ok());
  CHECK_FALSE(is_alive(*world.queue, "0123456789abcdef"));
}

TEST_CASE("a consumer whose file was removed lives by its byte, until its end",
          "[queue][liveness][cleaner]") {
  World world;
  const auto other = world.open(world.disk);
  std::string name;
  {
    const Registration living{*world.queue};
    name = living.consumer();
    world.disk.unlink(world.path(Folder::consumers, name));
    CHECK(is_alive(*world.queue, name));
    CHECK(is_alive(*other, name));
    // No other consumer's byte says anything of it.
    const Registration neighbour{*world.queue};
    CHECK_FALSE(is_alive(*other, "0123456789abcdef"));
  }
  CHECK_FALSE(is_alive(*other, name));
  // Nothing of it was made again.
  CHECK_FALSE(world.disk.exists(world.path(Folder::consumers, name)));
}

TEST_CASE("a consumer whose byte is not locked is caught when its file is removed",
          "[queue][liveness][cleaner]") {
  World world;
  MutantSys sys{world.disk, Mutant::no_byte_lock};
  const auto queue = world.open(sys);
  const Registration living{*queue};
  CHECK(is_alive(*world.queue, living.consumer()));
  world.disk.unlink(world.path(Folder::consumers, living.consumer()));
  CHECK_FALSE(is_alive(*world.queue, living.consumer()));
}

TEST_CASE("a consumer of a version without bytes lives by its file", "[queue][liveness]") {
  World world;
  const std::string name = "0123456789abcdef";
  world.disk.plant_file(world.path(Folder::consumers, name), "{}");
  const auto opened =
      world.disk.openat(world.queue->fd(Folder::consumers), name.c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(world.disk.flock(opened.fd(), LOCK_EX).ok());
  CHECK(is_alive(*world.queue, name));
  REQUIRE(world.disk.close(opened.fd()).ok());
  CHECK_FALSE(is_alive(*world.queue, name));
}

TEST_CASE("the byte is locked before the file has the consumer's name", "[queue][liveness]") {
  World world;
  world.disk.clear_calls();
  const Registration living{*world.queue};
  std::vector<std::string> order;
  for (const CallRecord& each : world.disk.calls()) {
    if (each.call == Call::lock_byte || each.call == Call::flock || each.call == Call::renameat2) {
      order.emplace_back(to_string(each.call));
    }
  }
  CHECK(order == std::vector<std::string>{"flock", "lock_byte", "renameat2"});
}

TEST_CASE("where there are no byte locks the file alone decides", "[queue][liveness]") {
  class NoByteLocks final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call != Call::lock_byte && info.call != Call::is_byte_locked) return std::nullopt;
      return SysResult::failure(EINVAL);
    }
  };
  World world;
  NoByteLocks sys{world.disk};
  const auto queue = world.open(sys);
  const Registration living{*queue};
  CHECK(is_alive(*queue, living.consumer()));
  world.disk.unlink(world.path(Folder::consumers, living.consumer()));
  CHECK_FALSE(is_alive(*queue, living.consumer()));
}

TEST_CASE("a byte lock that cannot be asked about counts as held", "[queue][liveness]") {
  World world;
  class NoAnswer final : public ForwardingSys {
   public:
    NoAnswer(Sys& inner, int error) : ForwardingSys{inner}, error_{error} {}

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call != Call::is_byte_locked) return std::nullopt;
      return SysResult::failure(error_);
    }

   private:
    int error_;
  };
  for (const int error : {ENOLCK, EIO, ENOMEM}) {
    NoAnswer sys{world.disk, error};
    const auto queue = world.open(sys);
    CHECK(is_alive(*queue, "0123456789abcdef"));
  }
}

TEST_CASE("a process whose file was removed is dead as soon as it is killed",
          "[queue][liveness][cleaner][fork]") {
  RealWorld world;
  Pipe names;
  ChildProcess child{[&] {
    const auto queue = open_queue(detail::real_sys(), world.path);
    const Registration living{*queue};
    names.send(living.consumer());
    ::pause();
    return 0;
  }};
  const std::string consumer = names.receive(kConsumerName);
  REQUIRE(::unlink(world.queue->path(Folder::consumers, consumer).c_str()) == 0);
  CHECK(is_alive(*world.queue, consumer));
  child.kill();
  CHECK_FALSE(is_alive(*world.queue, consumer));
}

TEST_CASE("on a full disk the byte alone proves that a forked process lives", "[queue][liveness]") {
  World world;
  NoNewFiles sys{world.disk};
  const auto queue = world.open(sys);
  const auto heir = detail::NewConsumer::prepare(0600);
  const auto proof = heir.prove_life(sys, queue->fd(Folder::consumers));
  REQUIRE(proof);
  CHECK(proof->front() == -1);
  CHECK(is_alive(*world.queue, heir.name));
  REQUIRE(world.disk.close(proof->back()).ok());
  CHECK_FALSE(is_alive(*world.queue, heir.name));
}

TEST_CASE("a forked process has a proof of life as any consumer", "[queue][liveness]") {
  World world;
  const auto heir = detail::NewConsumer::prepare(0600);
  const auto proof = heir.prove_life(world.disk, world.queue->fd(Folder::consumers));
  REQUIRE(proof);
  CHECK(count_spares(world) == 4);
  CHECK(world.disk.exists(world.path(Folder::consumers, heir.name)));
  // Each of the two is enough.
  REQUIRE(world.disk.close(proof->back()).ok());
  CHECK(is_alive(*world.queue, heir.name));
  REQUIRE(world.disk.close(proof->front()).ok());
  CHECK_FALSE(is_alive(*world.queue, heir.name));
}

TEST_CASE("a living consumer keeps its files young and makes none again",
          "[queue][liveness][cleaner]") {
  World world;
  const Registration living{*world.queue};
  const auto age = [&](int dir, const std::string& name) {
    struct stat status = {};
    REQUIRE(world.disk.fstatat(dir, name.c_str(), status).ok());
    return world.queue->now() - Time{std::chrono::seconds{status.st_mtim.tv_sec}};
  };
  const int root = world.queue->folders().root();
  const std::vector<std::string> kept{"spoolq.json", "ballast", "new",       "cur",
                                      "later",       "failed",  "consumers", "tmp"};
  world.disk.advance(std::chrono::minutes{59});
  detail::keep_young(*world.queue, living.consumer());
  // Its own file only: the rest is not an hour old.
  CHECK(age(world.queue->fd(Folder::consumers), living.consumer()) < std::chrono::seconds{2});
  for (const auto& name : kept) CHECK(age(root, name) > std::chrono::minutes{58});
  world.disk.advance(std::chrono::minutes{2});
  detail::keep_young(*world.queue, living.consumer());
  for (const auto& name : kept) CHECK(age(root, name) < std::chrono::seconds{2});
  for (const auto& name : world.names(Folder::consumers)) {
    CHECK(age(world.queue->fd(Folder::consumers), name) < std::chrono::seconds{2});
  }
  world.disk.unlink(world.path(Folder::consumers, living.consumer()));
  world.disk.unlink("/q/ballast");
  world.disk.unlink("/q/spoolq.json");
  world.disk.advance(std::chrono::hours{2});
  detail::keep_young(*world.queue, living.consumer());
  CHECK_FALSE(world.disk.exists(world.path(Folder::consumers, living.consumer())));
  CHECK_FALSE(world.disk.exists("/q/ballast"));
  CHECK_FALSE(world.disk.exists("/q/spoolq.json"));
}

TEST_CASE("what cannot be found out counts as alive", "[queue][liveness]") {
  World world;
  world.disk.plant_file(world.path(Folder::consumers, "0123456789abcdef"), "{}");
  for (const int error : {EMFILE, ENFILE, EACCES, EIO, ENOMEM}) {
    class Refusing final : public ForwardingSys {
     public:
      Refusing(Sys& inner, int refusal) : ForwardingSys{inner}, refusal_{refusal} {}
      bool refuses = false;

     protected:
      std::optional<SysResult> before(const CallInfo& info) override {
        if (!refuses || info.call != Call::openat) return std::nullopt;
        return SysResult::failure(refusal_);
      }

     private:
      int refusal_;
    } refusing{world.disk, error};
    const auto queue = world.open(refusing);
    refusing.refuses = true;
    CHECK(is_alive(*queue, "0123456789abcdef"));
  }
}

TEST_CASE("on a network file system a free lock proves nothing", "[queue][liveness]") {
  World world;
  world.disk.plant_file(world.path(Folder::consumers, "0123456789abcdef"), "{}");
  world.disk.set_file_system_type(kNfs);
  const auto queue = world.open(world.disk);
  CHECK(world.log.has("network"));
  CHECK(is_alive(*queue, "0123456789abcdef"));
  CHECK_FALSE(is_alive(*queue, "fedcba9876543210"));
}

TEST_CASE("the file of a consumer tells people who it is", "[queue][liveness]") {
  RealWorld world;
  const Registration living{*world.queue};
  std::ifstream file{world.queue->path(Folder::consumers, living.consumer())};
  const auto json = nlohmann::json::parse(file);
  CHECK(json.at("pid") == ::getpid());
  CHECK(json.at("started_at_ms").get<std::int64_t>() > 1'700'000'000'000);
  CHECK(json.at("boot_id").get<std::string>().size() == 36);
  CHECK_FALSE(json.at("host").get<std::string>().empty());
  CHECK_FALSE(json.at("command").get<std::string>().empty());
}

TEST_CASE("a spare is taken at the start and given back at the end", "[queue][liveness][spare]") {
  World world;
  REQUIRE(count_spares(world) == 4);
  {
    const Registration one{*world.queue};
    const Registration two{*world.queue};
    CHECK(count_spares(world) == 2);
    CHECK(world.count(Folder::consumers) == 4);
  }
  CHECK(count_spares(world) == 4);
  CHECK(world.count(Folder::consumers) == 4);
}

TEST_CASE("more consumers than spares make files of their own, and leave four spares",
          "[queue][liveness][spare]") {
  World world;
  {
    std::vector<std::unique_ptr<Registration>> consumers;
    for (int i = 0; i < 9; ++i) consumers.push_back(std::make_unique<Registration>(*world.queue));
    for (const auto& each : consumers) CHECK(is_alive(*world.queue, each->consumer()));
  }
  CHECK(world.count(Folder::consumers) == 4);
  CHECK(count_spares(world) == 4);
}

TEST_CASE("nothing is left of what a spare said of its last user", "[queue][liveness][spare]") {
  World world;
  for (const std::string& spare : world.names(Folder::consumers)) {
    world.disk.plant_file(world.path(Folder::consumers, spare), std::string(5'000, '}'));
  }
  const Registration living{*world.queue};
  const auto text = world.disk.read_file(world.path(Folder::consumers, living.consumer()));
  CHECK(nlohmann::json::parse(text).at("pid") == ::getpid());
}

TEST_CASE("on a full disk four consumers can start, and a fifth hears why not",
          "[queue][liveness][spare]") {
  World world;
  world.disk.set_capacity(1);
  NoNewFiles sys{world.disk};
  const auto queue = world.open(sys);
  std::vector<std::unique_ptr<Registration>> consumers;
  for (int i = 0; i < 4; ++i) consumers.push_back(std::make_unique<Registration>(*queue));
  for (const auto& each : consumers) {
    CHECK(is_alive(*world.queue, each->consumer()));
    CHECK(world.disk.read_file(world.path(Folder::consumers, each->consumer())).size() <= 1);
  }
  CHECK(error_of([&] { return Registration{*queue}.consumer(); }) == errno_code(ENOSPC));
  consumers.pop_back();
  CHECK_NOTHROW(Registration{*queue});
}

TEST_CASE("what becomes of a spare between its open and its lock does not matter",
          "[queue][liveness][spare]") {
  World world;
  std::unique_ptr<Registration> other;
  const std::string consumers = world.path(Folder::consumers);
  const auto what = GENERATE(0, 1, 2, 3);
  BeforeLock sys{world.disk, [&](Sys&, const std::string& spare) {
                   if (what == 0) other = std::make_unique<Registration>(*world.queue);
                   if (what == 1) Registration{*world.queue};
                   if (what == 2) world.disk.unlink(consumers + "/" + spare);
                   if (what == 3) {
                     world.disk.unlink(consumers + "/" + spare);
                     world.disk.plant_file(consumers + "/" + spare, "");
                   }
                 }};
  const auto queue = world.open(sys);
  const Registration living{*queue};
  CHECK(is_alive(*world.queue, living.consumer()));
  if (other) CHECK(is_alive(*world.queue, other->consumer()));
  if (other) CHECK(other->consumer() != living.consumer());
}

TEST_CASE("a spare that a cleaner removes just before its rename is passed over",
          "[queue][liveness][spare]") {
  /// A program that removes the first file that is renamed in consumers/.
  class Cleaner final : public ForwardingSys {
   public:
    Cleaner(SimulatedSys& disk, std::string folder)
        : ForwardingSys{disk}, disk_{disk}, folder_{std::move(folder)} {}
    [[nodiscard]] bool has_cleaned() const { return has_cleaned_; }

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      if (info.call != Call::renameat2 || has_cleaned_) return std::nullopt;
      has_cleaned_ = true;
      disk_.unlink(folder_ + "/" + info.name);
      return std::nullopt;
    }

   private:
    SimulatedSys& disk_;
    std::string folder_;
    bool has_cleaned_ = false;
  };
  World world;
  Cleaner sys{world.disk, world.path(Folder::consumers)};
  const auto queue = world.open(sys);
  const Registration living{*queue};
  CHECK(sys.has_cleaned());
  CHECK(is_alive(*world.queue, living.consumer()));
}

TEST_CASE("a file that is not what its name says is no spare", "[queue][liveness][spare]") {
  World world;
  const std::string consumers = world.path(Folder::consumers);
  for (const std::string& spare : world.names(Folder::consumers)) {
    world.disk.unlink(consumers + "/" + spare);
  }
  world.disk.plant_file("/q/victim", "precious");
  world.disk.plant_symlink(consumers + "/spare.0000000000000000", "/q/victim");
  const Registration living{*world.queue};
  CHECK(is_alive(*world.queue, living.consumer()));
  CHECK(world.disk.read_file("/q/victim") == "precious");
}

TEST_CASE("a spare of another user's is passed over", "[queue][liveness][spare]") {
  World world;
  class Forbidding final : public ForwardingSys {
   public:
    using ForwardingSys::ForwardingSys;

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool opens_spare = info.call == Call::openat && info.name != nullptr &&
                               std::string_view{info.name}.starts_with("spare.") &&
                               (info.flags & O_CREAT) == 0 && ++opened_ <= 4;
      return opens_spare ? std::optional{SysResult::failure(EACCES)} : std::nullopt;
    }

   private:
    int opened_ = 0;
  } sys{world.disk};
  const auto queue = world.open(sys);
  const Registration living{*queue};
  CHECK(is_alive(*world.queue, living.consumer()));
}

TEST_CASE("threads that register together get a file each", "[queue][liveness][race]") {
  RealWorld world;
  constexpr int kThreads = 8;
  std::atomic<int> dead{0};
  for (int round = 0; round < 20; ++round) {
    std::vector<std::unique_ptr<Registration>> consumers(kThreads);
    std::vector<std::thread> threads;
    for (auto& consumer : consumers) {
      threads.emplace_back([&] {
        consumer = std::make_unique<Registration>(*world.queue);
        if (!is_alive(*world.queue, consumer->consumer())) ++dead;
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::set<std::string> names;
    for (const auto& consumer : consumers) names.insert(consumer->consumer());
    CHECK(names.size() == kThreads);
    for (const auto& consumer : consumers) CHECK(is_alive(*world.queue, consumer->consumer()));
  }
  CHECK(dead == 0);
}

TEST_CASE("processes that register together get a file each, and die one by one",
          "[queue][liveness][race][fork]") {
  RealWorld world;
  constexpr std::size_t kProcesses = 8;
  Pipe names;
  Pipe end;
  std::vector<std::unique_ptr<ChildProcess>> children;
  for (std::size_t i = 0; i < kProcesses; ++i) {
    children.push_back(std::make_unique<ChildProcess>([&] {
      const auto queue = open_queue(detail::real_sys(), world.path);
      for (int turn = 0; turn < 20; ++turn) Registration{*queue};
      const Registration living{*queue};
      names.send(living.consumer());
      static_cast<void>(end.receive(1));
      return 0;
    }));
  }
  const std::string all = names.receive(kProcesses * kConsumerName);
  std::set<std::string> consumers;
  for (std::size_t i = 0; i < kProcesses; ++i) {
    consumers.insert(all.substr(i * kConsumerName, kConsumerName));
  }
  REQUIRE(consumers.size() == kProcesses);
  const auto living = [&] {
    return std::count_if(consumers.begin(), consumers.end(), [&](const std::string& consumer) {
      return is_alive(*world.queue, consumer);
    });
  };
  for (std::size_t left = kProcesses; left > 0; --left) {
    CHECK(living() == static_cast<std::ptrdiff_t>(left));
    children.pop_back();
  }
  CHECK(living() == 0);
}

TEST_CASE("a child that outlives its parent does not keep the parent's claims",
          "[queue][liveness][fork]") {
  RealWorld world;
  Pipe names;
  Pipe child_lives;
  Pipe end;
  ChildProcess parent{[&] {
    const auto queue = open_queue(detail::real_sys(), world.path);
    const Registration living{*queue};
    const ChildProcess child{[&] {
      child_lives.send("1");
      static_cast<void>(end.receive(1));
      child_lives.send("2");
      return 0;
    }};
    names.send(living.consumer());
    ::pause();
    return 0;
  }};
  const std::string consumer = names.receive(kConsumerName);
  REQUIRE(child_lives.receive(1) == "1");
  CHECK(is_alive(*world.queue, consumer));
  parent.kill();
  CHECK_FALSE(is_alive(*world.queue, consumer));
  end.send("x");
  CHECK(child_lives.receive(1) == "2");
}

TEST_CASE("a child may use nothing that its parent made, and harms nothing of it",
          "[queue][liveness][fork]") {
  RealWorld world;
  Queue queue = handle(world.queue);
  Producer producer{queue};
  producer.put("one");
  producer.put("detached");
  producer.put("two");
  std::optional<Consumer> consumer{std::in_place, queue};
  std::optional<Claim> claim = consumer->try_take();
  REQUIRE(claim);
  std::optional<DetachedClaim> detached;
  detached = queue.detached_claim(consumer->try_take().value().detach(std::chrono::hours{1}));
  std::optional<Draft> draft{producer.draft()};
  draft->write("half of ");
  const MessageInfo ready = queue.list(State::ready).at(0);

  ChildProcess child{[&] {
    const std::vector<std::function<void()>> calls{
        [&] { producer.put("three"); },
        [&] { static_cast<void>(producer.draft()); },
        [&] { draft->write("x"); },
        [&] { draft->commit(); },
        [&] { static_cast<void>(consumer->try_take()); },
        [&] { static_cast<void>(consumer->take(Duration{1})); },
        [&] { static_cast<void>(claim->payload()); },
        [&] { claim->ack(); },
        [&] { claim->release(); },
        [&] { claim->fail({}); },
        [&] { static_cast<void>(claim->detach(Duration{1})); },
        [&] { queue.configure({{"settle", "1s"}}); },
        [&] { static_cast<void>(queue.list(State::ready)); },
        [&] { static_cast<void>(queue.find("@oldest", {State::ready})); },
        [&] { static_cast<void>(queue.details(ready)); },
        [&] { static_cast<void>(queue.open_payload(ready)); },
        [&] { static_cast<void>(queue.stats()); },
        [&] { queue.retry(ready); },
        [&] { queue.remove(ready); },
        [&] { static_cast<void>(queue.detached_claim("@oldest")); },
        [&] { detached->ack(); },
        [&] { detached->release(); },
        [&] { detached->fail({}); },
        [&] { detached->extend(Duration{1}); },
        [&] { static_cast<void>(queue.reap()); },
        [&] { Consumer{queue}; },
    };
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const bool refused = error_of([&] {
                             calls[i]();
                             return 0;
                           }) == errc::foreign_process;
      if (!refused) return static_cast<int>(i) + 1;
    }
    // The numbers of the locks are free by now; what gets them is not closed below.
    std::vector<int> own_files;
    for (int i = 0; i < 8; ++i) own_files.push_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    draft.reset();
    claim.reset();
    consumer.reset();
    for (const int fd : own_files) {
      if (::fcntl(fd, F_GETFD) < 0) return 90;
    }
    // What it opens itself is its own.
    Producer own{world.path};
    own.put("from the child");
    return 0;
  }};
  CHECK(child.wait() == 0);
  CHECK(claim->held());
  CHECK(is_alive(*world.queue, claim->info().consumer));
  claim->ack();
  draft->write("a message");
  draft->commit();
  std::set<std::string> payloads;
  while (auto next = consumer->try_take()) {
    payloads.insert(next->payload());
    next->ack();
  }
  CHECK(payloads == std::set<std::string>{"two", "from the child", "half of a message"});
}

}  // namespace spoolq::test
