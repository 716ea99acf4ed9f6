// Many consumers that wait: one of them watches for all, and no message is slept over.
#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <list>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include "consumer/wait/leader_election.hpp"
#include "queue/store/queue_access.hpp"
#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kCrowd = 64;
/// For controls that run beside other tests: the kernel gives a user 128 inotify descriptors.
constexpr int kFew = 16;

/// Consumers on threads of their own, each of which takes and acknowledges until stop().
class Crowd {
 public:
  using Meanwhile = std::function<void()>;

  /// `watch_all` makes each of them watch everything, as one in a foreign event loop does. `limit`
  /// is that of each take. `meanwhile` is done with a message in hand.
  Crowd(RealQueue& queue, int count, bool watch_all = false, Duration limit = kLong,
        Meanwhile meanwhile = {})
      : meanwhile_{std::move(meanwhile)} {
    for (int i = 0; i < count; ++i) {
      Member& member = members_.emplace_back();
      member.consumer = std::make_unique<Consumer>(queue.open(member.sys));
      if (watch_all) static_cast<void>(member.consumer->fd());
      member.thread = std::thread{[this, &member, limit] { serve(member, limit); }};
    }
  }
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;
  ~Crowd() {
    over_ = true;
    for (Member& member : members_) member.consumer->stop();
    for (Member& member : members_) member.thread.join();
  }

  /// Waits until all of them sleep.
  bool asleep() {
    for (Member& member : members_) {
      if (!eventually([&] { return member.id != 0 && waits_for_events(member.id); })) return false;
    }
    return true;
  }
  [[nodiscard]] int taken() const { return taken_; }
  bool took(int count) {
    return eventually([&] { return taken_ >= count; });
  }
  [[nodiscard]] std::uint64_t lost_renames() const {
    std::uint64_t sum = 0;
    for (const Member& member : members_) sum += member.sys.lost_renames();
    return sum;
  }
  [[nodiscard]] std::uint64_t wake_ups() const {
    std::uint64_t sum = 0;
    for (const Member& member : members_) sum += times_slept(member.id);
    return sum;
  }
  /// Reads of folders.
  [[nodiscard]] std::uint64_t looks() const {
    std::uint64_t sum = 0;
    for (const Member& member : members_) sum += member.sys.count(Call::getdents64);
    return sum;
  }

 private:
  struct Member {
    CountingSys sys;
    std::unique_ptr<Consumer> consumer;
    std::atomic<pid_t> id{0};
    std::thread thread;
  };

  void serve(Member& member, Duration limit) {
    member.id = this_thread();
    while (!over_) {
      auto claim = member.consumer->take(limit);
      if (!claim) continue;
      if (meanwhile_) meanwhile_();
      claim->ack(Sync::none);
      ++taken_;
    }
  }

  Meanwhile meanwhile_;
  std::atomic<bool> over_{false};
  std::atomic<int> taken_{0};
  std::list<Member> members_;
};

/// Counts the followers that are woken: to wake one, the leader reads the follower's file in
/// consumers/, or gives new times to a file without content.
class WokenFollowers {
 public:
  explicit WokenFollowers(const RealQueue& queue) {
    // Without the close events the kernel would merge two reads of one file into one event.
    const std::uint32_t mask = kWakes | IN_CLOSE_NOWRITE;
    watch_ = ::inotify_add_watch(inotify_, queue.path(Folder::consumers).c_str(), mask);
    REQUIRE(watch_ >= 0);
  }
  WokenFollowers(const WokenFollowers&) = delete;
  WokenFollowers& operator=(const WokenFollowers&) = delete;
  ~WokenFollowers() { ::close(inotify_); }

  /// All so far.
  [[nodiscard]] std::uint64_t count() {
    alignas(inotify_event) std::array<char, 65536> buffer;
    for (;;) {
      const ssize_t size = ::read(inotify_, buffer.data(), buffer.size());
      if (size <= 0) return count_;
      for (std::size_t position = 0; position < static_cast<std::size_t>(size);) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + position, sizeof event);
        position += sizeof event + event.len;
        REQUIRE((event.mask & IN_Q_OVERFLOW) == 0);
        // Without a name: of the folder itself.
        if (event.len > 0 && (event.mask & kWakes) != 0) ++count_;
      }
    }
  }

 private:
  static constexpr std::uint32_t kWakes = IN_ACCESS | IN_ATTRIB;
  int inotify_ = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  int watch_ = -1;
  std::uint64_t count_ = 0;
};

/// One inotify watch as /proc shows it: the folder, and the events.
struct ShownWatch {
  std::string folder;
  std::uint32_t mask = 0;
};

std::vector<ShownWatch> watches_of(const std::string& fd) {
  std::vector<ShownWatch> watches;
  std::istringstream lines{read_file("/proc/self/fdinfo/" + fd)};
  for (std::string line; std::getline(lines, line);) {
    // inotify wd:1 ino:2f device:1d mask:800 and more
    std::istringstream words{line};
    std::string type;
    std::string number;
    std::string inode;
    std::string device;
    std::string mask;
    words >> type >> number >> inode >> device >> mask;
    if (type != "inotify" || !mask.starts_with("mask:")) continue;
    watches.push_back({inode + " " + device,
                       static_cast<std::uint32_t>(std::stoul(mask.substr(5), nullptr, 16))});
  }
  return watches;
}

/// How many descriptors of this process get an event when a message comes into new/.
int watchers_of_new(const RealQueue& queue) {
  // stat(2) and /proc name the folder differently on some file systems.
  const int probe = ::inotify_init1(IN_CLOEXEC);
  REQUIRE(::inotify_add_watch(probe, queue.path(Folder::ready).c_str(), IN_DELETE_SELF) >= 0);
  const auto shown = watches_of(std::to_string(probe));
  ::close(probe);
  REQUIRE(shown.size() == 1);
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fdinfo"}) {
    for (const ShownWatch& watch : watches_of(entry.path().filename())) {
      if (watch.folder == shown.front().folder && (watch.mask & IN_MOVED_TO) != 0) ++count;
    }
  }
  return count;
}

enum class Watching {
  one,                ///< As it should be: a leader, and followers.
  all,                ///< Each consumer watches everything.
  one_that_wakes_all  ///< A leader that wakes every follower when a message comes.
};

struct Cost {
  std::uint64_t wake_ups = 0;
  std::uint64_t lost_renames = 0;
  std::uint64_t looks = 0;
  std::uint64_t woken_followers = 0;
};

/// What it costs when messages come one after the other to consumers that all sleep.
Cost cost_of(int consumers, int messages, Watching watching) {
  RealQueue queue;
  // A wait that ends wakes a follower too, so none ends here.
  Crowd crowd{queue, consumers, watching == Watching::all, std::chrono::hours{1}};
  const int watchers = watching == Watching::all ? consumers : 1;
  const auto wait_until_rest = [&] {
    REQUIRE(crowd.asleep());
    int found = 0;
    eventually([&] { return (found = watchers_of_new(queue)) == watchers; });
    REQUIRE(found == watchers);
  };
  wait_until_rest();
  WokenFollowers woken{queue};
  const Cost before{crowd.wake_ups(), crowd.lost_renames(), crowd.looks(), woken.count()};
  for (int i = 1; i <= messages; ++i) {
    queue.put("x");
    if (watching == Watching::one_that_wakes_all) {
      for (const std::string& name : queue.names(Folder::consumers)) {
        static_cast<void>(read_file(queue.path(Folder::consumers, name)));
      }
    }
    REQUIRE(crowd.took(i));
    wait_until_rest();
  }
  return {crowd.wake_ups() - before.wake_ups, crowd.lost_renames() - before.lost_renames,
          crowd.looks() - before.looks, woken.count() - before.woken_followers};
}

}  // namespace

TEST_CASE("of sixty-four that wait one watches, and a put wakes one", "[consumer][herd]") {
  constexpr int kMessages = 40;
  const Cost one = cost_of(1, kMessages, Watching::one);
  const Cost many = cost_of(kCrowd, kMessages, Watching::one);
  INFO(fmt::format(
      "one: {} looks, {} wake-ups; {}: {} looks, {} wake-ups, {} lost renames, {} woken", one.looks,
      one.wake_ups, kCrowd, many.looks, many.wake_ups, many.lost_renames, many.woken_followers));
  // One in four of them would be far too many; locks that they wait for count, too.
  CHECK(many.wake_ups <= one.wake_ups + kCrowd * kMessages / 4);
  CHECK(one.woken_followers == 0);
  CHECK(many.woken_followers > 0);
  CHECK(many.woken_followers <= kMessages);
  // The one that is to watch looks at new/ and later/, two reads each. A few of the others may have
  // looked by themselves meanwhile, as they do every four seconds.
  CHECK(many.looks <= one.looks + 8 * kMessages);
}

TEST_CASE("control: when all watch, the lost renames are noticed", "[consumer][herd]") {
  CHECK(cost_of(kFew, 10, Watching::all).lost_renames > 50);
}

TEST_CASE("control: a leader that wakes every follower is noticed", "[consumer][herd]") {
  constexpr int kMessages = 5;
  CHECK(cost_of(kFew, kMessages, Watching::one_that_wakes_all).woken_followers >= kFew * kMessages);
}

TEST_CASE("a burst wakes as many as there are messages", "[consumer][herd]") {
  constexpr int kMessages = 24;
  RealQueue queue;
  std::atomic<int> at_once{0};
  std::atomic<bool> all_there{false};
  Crowd crowd{queue, 32, false, kLong, [&] {
                ++at_once;
                all_there = all_there || at_once == kMessages;
                eventually([&] { return all_there.load(); });
                --at_once;
              }};
  REQUIRE(crowd.asleep());
  for (int i = 0; i < kMessages; ++i) queue.put("x");
  CHECK(crowd.took(kMessages));
  CHECK(all_there);
}

namespace {

/// Renames five files into a queue beside eight consumers that wait. Says whether five consumers
/// hold one each at the same time. What is written in place must be left to settle.
bool all_take_one_at_once() {
  constexpr int kFiles = 5;
  RealQueue queue{{{"settle", "1h"}}};
  std::atomic<int> at_once{0};
  std::atomic<bool> all_there{false};
  std::atomic<bool> given_up{false};
  Crowd crowd{queue, 8, false, kLong, [&] {
                ++at_once;
                all_there = all_there || at_once == kFiles;
                eventually([&] { return all_there || given_up; });
                --at_once;
              }};
  REQUIRE(crowd.asleep());
  const auto rename_in = [&](const std::string& name) {
    write_file(queue.around() / name, "x");
    std::filesystem::rename(queue.around() / name, queue.path(Folder::ready, name));
  };
  for (int i = 0; i < kFiles; ++i) rename_in(fmt::format("report {}", i));
  const auto deadline = steady_clock::now() + kBeforeTick;
  while (!all_there && steady_clock::now() < deadline) std::this_thread::yield();
  given_up = true;
  if (!all_there) return false;
  CHECK(crowd.took(kFiles));
  write_file(queue.path(Folder::ready, "in place"), "x");
  rename_in("last");
  CHECK(crowd.took(kFiles + 1));
  CHECK(queue.names(Folder::ready) == std::vector<std::string>{"in place"});
  return true;
}

}  // namespace

// A file that comes between the last look of one leader and the first of the next one has to
// settle, so the scheduler may spoil an attempt. Without what a leader tells, none succeeds.
TEST_CASE("of files that are renamed in together, each of several that wait takes one at once",
          "[consumer][herd][strangers]") {
  constexpr int kAttempts = 10;
  int attempts = 1;
  while (attempts < kAttempts && !all_take_one_at_once()) ++attempts;
  CHECK(attempts < kAttempts);
}

TEST_CASE("consumers that come and go at any moment sleep over no message", "[consumer][herd]") {
  RealQueue queue;
  Crowd crowd{queue, 6, false, Duration{3}};
  constexpr int kMessages = 400;
  for (int i = 1; i <= kMessages; ++i) {
    const auto began = steady_clock::now();
    queue.put("x");
    REQUIRE(crowd.took(i));
    REQUIRE(steady_clock::now() - began < kBeforeTick);
  }
}

TEST_CASE("waits that end and waits that do not, together, sleep over no message",
          "[consumer][herd]") {
  RealQueue queue;
  Crowd patient{queue, 4};
  Crowd hasty{queue, 4, false, Duration{2}};
  for (int i = 1; i <= 200; ++i) {
    const auto began = steady_clock::now();
    queue.put("x");
    REQUIRE(eventually([&] { return patient.taken() + hasty.taken() >= i; }));
    REQUIRE(steady_clock::now() - began < kBeforeTick);
  }
}

TEST_CASE("when the one that watches is killed another one does", "[consumer][herd][death]") {
  RealQueue queue;
  const bool with_child = GENERATE(false, true);
  ChildProcess leader{[&] {
    Consumer consumer = queue.consumer();
    std::thread forker{[&] {
      if (!when_waiting(::getpid(), [] {})) std::_Exit(1);
      // A child that lives on has no part in its parent's locks.
      if (with_child && ::fork() == 0) {
        // Who waits for the end of our output is not to wait for this.
        ::close(STDOUT_FILENO);
        ::close(STDERR_FILENO);
        ::sleep(20);
        std::_Exit(0);
      }
      write_file(queue.around() / "ready", "");
    }};
    consumer.take();
    forker.join();
    return 0;
  }};
  REQUIRE(eventually([&] { return std::filesystem::exists(queue.around() / "ready"); }));
  Crowd crowd{queue, 3};
  REQUIRE(crowd.asleep());
  leader.kill();
  const auto began = steady_clock::now();
  queue.put("x");
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began < kBeforeTick);
}

TEST_CASE("when the one that watches is killed, and a job of it lives, another one watches",
          "[consumer][herd][death]") {
  RealQueue queue;
  queue.put("held");
  Pipe helper;
  ChildProcess leader{[&] {
    Consumer consumer = queue.consumer();
    RunOptions two;
    two.concurrency = 2;
    consumer.run(
        [&](Claim& claim) {
          // What a supervising process has, which may live longer.
          std::optional<ClaimHolder> holder{claim.holder()};
          if (::fork() == 0) {
            const pid_t self = ::getpid();
            helper.send({reinterpret_cast<const char*>(&self), sizeof self});
            ::close(STDOUT_FILENO);
            ::close(STDERR_FILENO);
            ::sleep(20);
            holder.reset();
            std::_Exit(0);
          }
          holder.reset();
          ::sleep(60);
        },
        two);
    return 0;
  }};
  pid_t job = 0;
  const std::string sent = helper.receive(sizeof job);
  REQUIRE(sent.size() == sizeof job);
  std::memcpy(&job, sent.data(), sizeof job);
  REQUIRE(when_waiting(leader.pid(), [] {}));
  {
    Crowd crowd{queue, 3};
    REQUIRE(crowd.asleep());
    leader.kill();
    const auto began = steady_clock::now();
    queue.put("x");
    CHECK(crowd.took(1));
    CHECK(steady_clock::now() - began < kBeforeTick);
    // The message of the one that was killed is nobody's as long as its job lives.
    CHECK(queue.count(Folder::claimed) == 1);
    ::kill(job, SIGKILL);
    CHECK(crowd.took(2));
  }
}

TEST_CASE("when the one that watches is stopped the others look for themselves",
          "[consumer][herd]") {
  RealQueue queue;
  ChildProcess leader{[&] {
    Consumer consumer = queue.consumer();
    consumer.take();
    return 0;
  }};
  REQUIRE(when_waiting(leader.pid(), [] {}));
  Crowd crowd{queue, 3};
  REQUIRE(crowd.asleep());
  ::kill(leader.pid(), SIGSTOP);
  queue.put("x");
  CHECK(crowd.took(1));
}

TEST_CASE("who is woken next is chance, also beside one that has waited longest",
          "[consumer][herd]") {
  RealQueue queue;
  const std::shared_ptr<OpenQueue> open = detail::QueueAccess::open(queue.open());
  detail::LeaderElection leader{*open, "0000000000000002"};
  REQUIRE(leader.lead_or_follow());
  const int inotify = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  REQUIRE(inotify >= 0);
  std::list<detail::LeaderElection> followers;
  std::map<int, int> woken;
  // As if the last one had been stopped long ago: the others come and go behind it.
  for (const char first : {'f', 'b', '7', '3'}) {
    const std::string name = first + std::string(15, '0');
    write_file(queue.path(Folder::consumers, name), "x");
    CHECK_FALSE(followers.emplace_back(*open, name).lead_or_follow());
    woken[::inotify_add_watch(inotify, queue.path(Folder::consumers, name).c_str(), IN_ACCESS)] = 0;
  }
  REQUIRE(woken.size() == followers.size());
  // Before each lies a fifth of all places or more: it is missed so often once in 10^30 runs.
  constexpr int kTimes = 320;
  for (int i = 0; i < kTimes; ++i) {
    leader.hand_on();
    REQUIRE(leader.lead_or_follow());
    inotify_event event{};
    REQUIRE(::read(inotify, &event, sizeof event) == sizeof event);
    ++woken[event.wd];
  }
  for (const auto& [watch, times] : woken) CHECK(times > 0);
  ::close(inotify);
}

TEST_CASE("who is busy with all it can do hands on, and so does who is stopped",
          "[consumer][herd][run]") {
  RealQueue queue;
  Consumer busy = queue.consumer();
  std::atomic<pid_t> leading{0};
  std::atomic<bool> let_go{false};
  std::atomic<bool> inside{false};
  RunOptions options;
  options.tick = std::chrono::hours{1};
  options.on_tick = [&] { leading = this_thread(); };
  std::thread running{[&] {
    busy.run(
        [&](Claim&) {
          inside = true;
          eventually([&] { return let_go.load(); });
        },
        options);
  }};
  CHECK(eventually([&] { return leading != 0 && waits_for_events(leading); }));
  {
    Crowd crowd{queue, 1};
    CHECK(crowd.asleep());
    SECTION("busy") {
      queue.put("x");
      CHECK(eventually([&] { return inside.load(); }));
    }
    SECTION("stopped") {
      busy.stop();
      let_go = true;
      running.join();
    }
    const auto began = steady_clock::now();
    queue.put("y");
    CHECK(crowd.took(1));
    CHECK(steady_clock::now() - began < kBeforeTick);
  }
  let_go = true;
  busy.stop();
  if (running.joinable()) running.join();
}

TEST_CASE("whose wait is over is woken no more in place of others", "[consumer][herd]") {
  RealQueue queue;
  // Takes the first message and keeps it.
  Consumer leader = queue.consumer();
  std::atomic<pid_t> leading{0};
  std::optional<Claim> first;
  std::thread watching{[&] {
    leading = this_thread();
    first = leader.take();
  }};
  CHECK(eventually([&] { return leading != 0 && waits_for_events(leading); }));
  std::list<Consumer> gone;
  for (int i = 0; i < 12; ++i) {
    CHECK_FALSE(gone.emplace_back(queue.consumer()).take(Duration{1}));
  }
  Crowd crowd{queue, 1};
  CHECK(crowd.asleep());
  queue.put("x");
  watching.join();
  CHECK(first);
  const auto began = steady_clock::now();
  queue.put("y");
  CHECK(crowd.took(1));
  CHECK(steady_clock::now() - began < kBeforeTick);
}

TEST_CASE("who watches from now on knows what the one before knew", "[consumer][herd]") {
  RealQueue queue;
  auto leader = std::make_unique<Crowd>(queue, 1);
  REQUIRE(leader->asleep());
  Crowd crowd{queue, 1};
  REQUIRE(crowd.asleep());
  SECTION("a message that is due soon") {
    PutOptions options;
    options.delay = milliseconds{300};
    queue.put("x", options);
    leader.reset();
    const auto began = steady_clock::now();
    REQUIRE(crowd.took(1));
    CHECK(steady_clock::now() - began < kBeforeTick);
  }
  SECTION("a pause") {
    queue.open().pause();
    REQUIRE(leader->asleep());
    REQUIRE(crowd.asleep());
    leader.reset();
    queue.put("x");
    REQUIRE(crowd.asleep());
    CHECK(queue.count(Folder::ready) == 1);
    queue.open().resume();
    CHECK(crowd.took(1));
  }
}

TEST_CASE("who could not look while another one watched sees what comes afterwards",
          "[consumer][herd][errors]") {
  /// Folders cannot be read while it is told so.
  class UnreadableFolders final : public ForwardingSys {
   public:
    UnreadableFolders() : ForwardingSys{detail::real_sys()} {}
    std::atomic<bool> failing{false};

   protected:
    std::optional<SysResult> before(const CallInfo& info) override {
      const bool fails = failing && info.call == Call::getdents64;
      return fails ? std::optional{SysResult::failure(EIO)} : std::nullopt;
    }
  };
  RealQueue queue;
  Consumer leader = queue.consumer();
  std::atomic<pid_t> leading{0};
  std::thread watching{[&] {
    leading = this_thread();
    leader.take();
  }};
  REQUIRE(eventually([&] { return leading != 0 && waits_for_events(leading); }));
  UnreadableFolders sys;
  Consumer consumer = queue.consumer(sys);
  std::atomic<pid_t> following{0};
  std::atomic<bool> thrown{false};
  std::atomic<bool> over{false};
  std::atomic<bool> taken{false};
  std::thread thread{[&] {
    following = this_thread();
    thrown = error_of([&] {
               consumer.take(kLong);
               return 0;
             }) == std::errc::io_error;
    watching.join();
    over = true;
    taken = consumer.take(kLong).has_value();
  }};
  CHECK(eventually([&] { return following != 0 && waits_for_events(following); }));
  sys.failing = true;
  CHECK(eventually([&] { return thrown.load(); }));
  sys.failing = false;
  leader.stop();
  CHECK(eventually([&] { return over && waits_for_events(following); }));
  const auto began = steady_clock::now();
  queue.put("x");
  CHECK(eventually([&] { return taken.load(); }));
  CHECK(steady_clock::now() - began < kBeforeTick);
  thread.join();
}

TEST_CASE("a delayed message comes to one of many in time", "[consumer][herd][due]") {
  RealQueue queue;
  Crowd crowd{queue, 8};
  REQUIRE(crowd.asleep());
  PutOptions options;
  options.delay = milliseconds{300};
  const auto began = steady_clock::now();
  queue.put("x", options);
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began >= milliseconds{300});
  CHECK(steady_clock::now() - began < kBeforeTick);
}

TEST_CASE("the claim of one that dies comes to one of many at once", "[consumer][herd][death]") {
  RealQueue queue;
  queue.put("x");
  ChildProcess holder{[&] {
    Consumer consumer = queue.consumer();
    const auto claim = consumer.try_take();
    write_file(queue.around() / "held", "");
    ::sleep(60);
    return 0;
  }};
  REQUIRE(eventually([&] { return std::filesystem::exists(queue.around() / "held"); }));
  Crowd crowd{queue, 8};
  REQUIRE(crowd.asleep());
  const auto began = steady_clock::now();
  holder.kill();
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began < kBeforeTick);
}

TEST_CASE("changed settings and a pause reach those that do not watch", "[consumer][herd]") {
  RealQueue queue;
  Crowd crowd{queue, 4};
  REQUIRE(crowd.asleep());
  queue.open().pause();
  queue.put("x");
  queue.open().resume();
  const auto began = steady_clock::now();
  REQUIRE(crowd.took(1));
  CHECK(steady_clock::now() - began < kBeforeTick);
}

}  // namespace spoolq::test
