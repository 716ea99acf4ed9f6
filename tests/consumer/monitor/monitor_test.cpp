// What a monitor tells of messages, and that it takes no part in what happens to them.
#include "spoolq/monitor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <thread>

#include "tests/consumer/monitor/told.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// Writes to a file in place and keeps it open.
class Writer {
 public:
  explicit Writer(const std::string& path)
      : fd_{::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)} {
    REQUIRE(fd_ >= 0);
    REQUIRE(::write(fd_, "part", 4) == 4);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { ::close(fd_); }

 private:
  int fd_;
};

/// Collects the calls that a monitor may not make.
class Watched final : public ForwardingSys {
 public:
  Watched() : ForwardingSys{detail::real_sys()} {}
  std::set<std::string> forbidden;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    static const std::set<Call> looking = {Call::close,       Call::fstat, Call::fstatat,
                                           Call::mount_id,    Call::statx, Call::getdents64,
                                           Call::file_system, Call::read,  Call::clock_gettime};
    const bool opens = info.call == Call::openat || info.call == Call::openat2;
    const bool opens_folder = opens && (info.flags & O_DIRECTORY) != 0;
    const bool opens_settings = opens && std::string_view{info.name} == "spoolq.json";
    if (!looking.contains(info.call) && !opens_folder && !opens_settings) {
      forbidden.insert(to_string(info.call));
    }
    return std::nullopt;
  }
};

}  // namespace

TEST_CASE("a monitor tells each thing that happens to a message", "[consumer][monitor]") {
  RealQueue queue{{{"keep_done", "on"}}};
  Monitor monitor{queue.open()};
  Consumer consumer = queue.consumer();
  Queue hand = queue.open();
  CHECK(told(monitor).empty());

  PutOptions options;
  options.name = "cat.jpg";
  options.key = "user/7";
  const MessageId id = queue.put("x", options);
  const auto put = monitor.next(kLong);
  REQUIRE(put);
  CHECK(put->kind == EventKind::put);
  CHECK(put->id == id);
  CHECK(put->state == State::ready);
  CHECK(put->name == "cat.jpg");
  CHECK(put->key == "user/7");
  CHECK(put->attempts == 0);
  CHECK(std::chrono::abs(put->at - std::chrono::floor<Duration>(std::chrono::system_clock::now())) <
        Duration{60'000});

  consumer.try_take()->release();
  const auto claimed = monitor.next(kLong);
  REQUIRE(claimed);
  CHECK(claimed->kind == EventKind::claimed);
  CHECK(claimed->id == id);
  CHECK(claimed->attempts == 1);
  CHECK(told(monitor) == Lines{"returned ready"});

  consumer.try_take()->release(Duration{500});
  CHECK(told(monitor) == Lines{"claimed claimed", "delayed delayed"});
  auto claim = consumer.take(kLong);
  REQUIRE(claim);
  claim->fail(reason("no"));
  CHECK(told(monitor) == Lines{"returned ready", "claimed claimed", "failed failed"});

  hand.retry(hand.list(State::failed).at(0));
  consumer.try_take()->ack();
  CHECK(told(monitor) == Lines{"returned ready", "claimed claimed", "gone done"});
  hand.remove(hand.list(State::done).at(0));
  CHECK(told(monitor).empty());

  options.delay = std::chrono::hours{1};
  queue.put("later", options);
  hand.remove(hand.list(State::delayed).at(0));
  queue.put("dead");
  consumer.try_take()->fail(reason("no"));
  hand.remove(hand.list(State::failed).at(0));
  CHECK(told(monitor) ==
        Lines{"put delayed", "gone -", "put ready", "claimed claimed", "failed failed", "gone -"});
}

TEST_CASE("an acknowledged message is gone where it is not kept", "[consumer][monitor]") {
  RealQueue queue;
  queue.put("x");
  Monitor monitor{queue.open()};
  queue.consumer().try_take()->ack();
  CHECK(told(monitor) == Lines{"claimed claimed", "gone -"});
}

TEST_CASE("a claim that is prolonged or detached is no event", "[consumer][monitor]") {
  RealQueue queue;
  queue.put("x");
  Consumer consumer = queue.consumer();
  Queue hand = queue.open();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  Monitor monitor{queue.open()};
  const std::string receipt = claim->detach(std::chrono::hours{1});
  DetachedClaim held = hand.detached_claim(receipt);
  held.extend(std::chrono::hours{2});
  CHECK(told(monitor).empty());
  held.ack();
  CHECK(told(monitor) == Lines{"gone -"});
}

TEST_CASE("a monitor tells of files of other programs when they are complete",
          "[consumer][monitor]") {
  RealQueue queue{{{"settle", "0"}}};
  const auto in_new = [&](const std::string& file) { return queue.path(Folder::ready, file); };
  write_file(in_new("early"), "was there before");
  Monitor monitor{queue.open()};
  SECTION("written in place: when the writer closes it") {
    {
      const Writer writer{in_new("report")};
      CHECK(told(monitor).empty());
    }
    const auto event = monitor.next(Duration{0});
    REQUIRE(event);
    CHECK(event->kind == EventKind::put);
    CHECK(event->name == "report");
    CHECK(monitor.find({event->id}).at(event->id).name == "report");
    // Opened for writing once more, and not changed.
    ::close(::open(in_new("report").c_str(), O_WRONLY | O_CLOEXEC));
    CHECK(told(monitor).empty());
    write_file(in_new("report"), "another content");
    CHECK(told(monitor) == Lines{"gone -", "put ready"});
  }
  SECTION("renamed, from outside or from a name that is left alone") {
    write_file(queue.around() / "outside", "x");
    fs::rename(queue.around() / "outside", in_new("inside"));
    CHECK(told(monitor) == Lines{"put ready"});
    write_file(in_new(".hidden"), "x");
    write_file(in_new("movie.part"), "x");
    fs::create_directory(in_new("folder"));
    CHECK(told(monitor).empty());
    fs::rename(in_new("movie.part"), in_new("movie"));
    CHECK(told(monitor) == Lines{"put ready"});
    fs::rename(in_new("movie"), in_new(".movie"));
    CHECK(told(monitor) == Lines{"gone -"});
  }
  SECTION("linked") {
    write_file(queue.around() / "outside", "x");
    fs::create_hard_link(queue.around() / "outside", in_new("link"));
    CHECK(told(monitor) == Lines{"put ready"});
    fs::create_hard_link(queue.around() / "outside", in_new("1763870400.M1P2.host"));
    fs::remove(in_new("link"));
    fs::remove(queue.around() / "outside");
    CHECK(told(monitor) == Lines{"put ready", "gone -"});
  }
  SECTION("a message of ours that is copied") {
    queue.put("x");
    const std::string file = queue.names(Folder::ready).at(0);
    fs::rename(in_new(file), queue.around() / file);
    CHECK(told(monitor) == Lines{"put ready", "gone -"});
    fs::copy(queue.around() / file, in_new(file));
    CHECK(told(monitor) == Lines{"put ready"});
  }
  SECTION("removed, or claimed and given back under its own name: always the same id") {
    const MessageId early = queue.open().list(State::ready).at(0).id;
    Consumer consumer = queue.consumer();
    auto claim = consumer.try_take();
    REQUIRE(claim);
    CHECK(claim->id() == early);
    claim->undo();
    while (const auto event = monitor.next(Duration{0})) CHECK(event->id == early);
    write_file(in_new("late"), "x");
    const auto put = monitor.next(Duration{0});
    fs::remove(in_new("late"));
    const auto gone = monitor.next(Duration{0});
    REQUIRE(gone);
    CHECK(gone->kind == EventKind::gone);
    CHECK(gone->id == put->id);
    CHECK(gone->name == "late");
  }
  SECTION("taken before anybody looked: the put is told with the claim") {
    write_file(in_new("quick"), "x");
    fs::remove(in_new("early"));
    queue.consumer().try_take()->ack();
    const Lines lines = told(monitor);
    CHECK(lines == Lines{"gone -", "put ready", "claimed claimed", "gone -"});
  }
}

TEST_CASE("a message that leaves for another queue is gone here and put there",
          "[consumer][monitor]") {
  RealQueue queue;
  Queue other = Queue::init(queue.around() / "other");
  Monitor here{queue.open()};
  Monitor there{other};
  const MessageId id = queue.put("x");
  Queue hand = queue.open();
  hand.move(hand.list(State::ready).at(0), other);
  CHECK(told(here) == Lines{"put ready", "gone -"});
  const auto put = there.next(Duration{0});
  REQUIRE(put);
  CHECK(put->kind == EventKind::put);
  CHECK(put->id == id);
}

TEST_CASE("a damaged message is gone, and found to be set aside", "[consumer][monitor]") {
  RealQueue queue;
  const MessageId id = queue.put("x");
  Monitor monitor{queue.open()};
  CHECK_FALSE(monitor.is_set_aside(id));
  write_file(queue.path(Folder::ready, queue.names(Folder::ready).at(0)), "too long");
  CHECK_FALSE(queue.consumer().try_take());
  const Lines lines = told(monitor);
  REQUIRE_FALSE(lines.empty());
  CHECK(lines.back() == "gone -");
  CHECK(monitor.is_set_aside(id));
  CHECK(monitor.find({id}).empty());
}

TEST_CASE("a monitor changes nothing and opens no message", "[consumer][monitor]") {
  RealQueue queue;
  write_file(queue.path(Folder::ready, "stranger"), "x");
  Watched sys;
  Monitor monitor{queue.open(sys)};
  const MessageId id = queue.put("x");
  write_file(queue.path(Folder::ready, "another"), "x");
  queue.consumer().try_take()->release();
  fs::remove(queue.path(Folder::ready, "stranger"));
  CHECK(told(monitor).size() >= 5);
  CHECK(monitor.find({id}).size() == 1);
  CHECK(monitor.find_any({State::ready}));
  flood(queue);
  CHECK_FALSE(told(monitor).empty());
  CHECK(sys.forbidden == std::set<std::string>{});
  CHECK(queue.open().stats().consumers == 0);
}

TEST_CASE("what is nowhere is not found", "[consumer][monitor]") {
  RealQueue queue;
  Monitor monitor{queue.open()};
  const MessageId id = queue.put("x");
  CHECK_FALSE(monitor.find_any({State::claimed, State::delayed}));
  queue.consumer().try_take()->ack();
  CHECK(monitor.find({id}).empty());
  CHECK_FALSE(monitor.find_any({State::ready, State::claimed, State::delayed}));
  CHECK(told(monitor) == Lines{"put ready", "claimed claimed", "gone -"});
}

TEST_CASE("a monitor waits as long as it is told, or until it is stopped", "[consumer][monitor]") {
  RealQueue queue;
  Monitor monitor{queue.open()};
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(monitor.next(Duration{50}));
  CHECK(std::chrono::steady_clock::now() - begin >= Duration{50});
  std::thread other{[&] { monitor.stop(); }};
  CHECK_FALSE(monitor.next());
  other.join();
  static Monitor* stopped = nullptr;
  stopped = &monitor;
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) { stopped->stop(); };
  REQUIRE(::sigaction(SIGALRM, &action, &before) == 0);
  ::alarm(1);
  CHECK_FALSE(monitor.next());
  ::sigaction(SIGALRM, &before, nullptr);
  queue.put("x");
  CHECK(monitor.next(Duration::max()));
}

TEST_CASE("a Maildir can be watched", "[consumer][monitor]") {
  const Scratch scratch;
  for (const char* folder : {"tmp", "new", "cur"}) {
    fs::create_directories(scratch.path() / "mail" / folder);
  }
  Monitor monitor{scratch / "mail"};
  Producer{scratch / "mail"}.put("x");
  write_file(scratch / "mail/tmp/1763870400.M1P2.host", "x");
  fs::rename(scratch / "mail/tmp/1763870400.M1P2.host", scratch / "mail/new/1763870400.M1P2.host");
  CHECK(told(monitor) == Lines{"put ready", "put ready"});
  // A mail reader has seen it.
  fs::rename(scratch / "mail/new/1763870400.M1P2.host",
             scratch / "mail/cur/1763870400.M1P2.host:2,S");
  CHECK(told(monitor) == Lines{"gone -"});
}

}  // namespace spoolq::test
