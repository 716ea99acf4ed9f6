// Things in new/ that are not messages, or not yet, or not ours to touch: none of them is handed
// out as a message, and none of them stops the others.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <set>

#include "tests/consumer/real_queue.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/support/errors.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

const std::string kOurName = "5.01935a7b-8c3d-7e21-9f4a-1b2c3d4e5f60";

void make_socket(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error{"bind"};
  }
  ::close(fd);
}

void make_device(const std::string& path) {
  if (::mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) {
    WARN("not allowed to make a device: a FIFO stands in for it");
    ::mkfifo(path.c_str(), 0600);
  }
}

struct Thing {
  const char* name;
  void (*make)(const std::string& path);
};
constexpr std::array kNoMessages{
    Thing{"a symbolic link to a file",
          [](const std::string& p) { fs::create_symlink("/etc/passwd", p); }},
    Thing{"a symbolic link to nothing",
          [](const std::string& p) { fs::create_symlink("nowhere", p); }},
    Thing{"a symbolic link to a folder",
          [](const std::string& p) { fs::create_symlink("/tmp", p); }},
    Thing{"a FIFO", [](const std::string& p) { ::mkfifo(p.c_str(), 0600); }},
    Thing{"a socket", make_socket},
    Thing{"a device", make_device},
};

/// All that is delivered until nothing comes for `patience`, acknowledged.
std::multiset<std::string> drain(Consumer& consumer, Duration patience) {
  std::multiset<std::string> payloads;
  while (auto claim = consumer.take(patience)) {
    payloads.insert(claim->payload());
    claim->ack(Sync::none);
  }
  return payloads;
}

/// Sees whether anything but folders and regular files of ours is opened.
class OpenedNames final : public ForwardingSys {
 public:
  OpenedNames() : ForwardingSys{detail::real_sys()} {}
  std::set<std::string> names;

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call == Call::openat) names.insert(info.name);
    return std::nullopt;
  }
};

/// Does something before a file is renamed for the first time.
class BeforeClaim final : public ForwardingSys {
 public:
  BeforeClaim(std::string file, std::function<void()> action)
      : ForwardingSys{detail::real_sys()}, file_{std::move(file)}, action_{std::move(action)} {}

 protected:
  std::optional<SysResult> before(const CallInfo& info) override {
    if (info.call == Call::renameat2 && info.name == file_ && action_) std::exchange(action_, {})();
    return std::nullopt;
  }

 private:
  std::string file_;
  std::function<void()> action_;
};

}  // namespace

TEST_CASE("links, FIFOs, sockets and devices go to bad/ without being opened",
          "[consumer][strange]") {
  const Thing thing = GENERATE(from_range(kNoMessages));
  const std::string name = GENERATE(as<std::string>{}, "thing", kOurName + ",S=5");
  const bool while_waiting = GENERATE(false, true);
  CAPTURE(thing.name, name, while_waiting);
  RealQueue queue;
  OpenedNames sys;
  Consumer consumer = queue.consumer(sys);
  if (while_waiting) CHECK_FALSE(consumer.take(Duration{0}));
  thing.make(queue.path(Folder::ready, name));
  queue.put("hello");
  CHECK(drain(consumer, Duration{0}) == std::multiset<std::string>{"hello"});
  CHECK(queue.count(Folder::ready) == 0);
  CHECK(queue.count(Folder::claimed) == 0);
  REQUIRE(queue.count(Folder::bad) == 1);
  const std::string bad = queue.names(Folder::bad).front();
  CHECK(bad.starts_with(name.substr(0, 38)));
  CHECK_FALSE(fs::is_regular_file(fs::symlink_status(queue.path(Folder::bad, bad))));
  for (const std::string& opened : sys.names) CHECK_FALSE(opened.starts_with(name.substr(0, 38)));
}

TEST_CASE("folders and unfinished names are left alone", "[consumer][strange]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  if (GENERATE(false, true)) CHECK_FALSE(consumer.take(Duration{0}));
  const std::vector<std::string> files{"a.tmp", "b.part", "c.crdownload", "d~"};
  const std::vector<std::string> folders{"folder", kOurName, kOurName + ",S=0,A=1"};
  for (const std::string& name : files) write_file(queue.path(Folder::ready, name), "no");
  write_file(queue.path(Folder::ready, ".hidden"), "no");
  for (const std::string& name : folders) fs::create_directory(queue.path(Folder::ready, name));
  CHECK_FALSE(consumer.take(Duration{0}));
  // Long enough for any of them to have settled.
  CHECK_FALSE(consumer.take(Duration{700}));
  CHECK(queue.count(Folder::ready) == files.size() + folders.size());
  CHECK(fs::exists(queue.path(Folder::ready, ".hidden")));
  CHECK(queue.count(Folder::bad) == 0);
  CHECK(queue.count(Folder::claimed) == 0);
}

TEST_CASE("a file of any name is delivered, its name and all", "[consumer][strange][names]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  CHECK_FALSE(consumer.take(Duration{0}));
  const std::string name =
      GENERATE(as<std::string>{}, "report.txt", "two\nlines", "\xff\xfe raw", "%41,=.", "-rf",
               "\x1b[31mred", std::string(255, 'n'), kOurName + ",S=01", kOurName + ",S=5,S=5");
  const std::string outside = queue.around() / "outside";
  write_file(outside, "hello");
  fs::rename(outside, queue.path(Folder::ready, name));
  const auto listed = queue.open().list(State::ready);
  REQUIRE(listed.size() == 1);

  auto claim = consumer.take(Duration{0});
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  CHECK(claim->id() == listed.front().id);
  CHECK(listed.front().name == name);
  CHECK(claim->info().name == name);
  CHECK(claim->id().to_string().at(14) == '8');
  const Queue open = queue.open();
  CHECK(open.details(open.list(State::claimed).at(0)).info.name == name);
  claim->ack();
  CHECK(queue.count(Folder::ready) + queue.count(Folder::claimed) == 0);
}

TEST_CASE("a file that was linked in is taken at once", "[consumer][strange]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  if (GENERATE(false, true)) CHECK_FALSE(consumer.take(Duration{0}));
  const std::string outside = queue.around() / "outside";
  write_file(outside, "hello");
  fs::create_hard_link(outside, queue.path(Folder::ready, "linked"));
  auto claim = consumer.take(Duration{0});
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  CHECK(claim->info().name == "linked");
  claim->ack();
  CHECK(read_file(outside) == "hello");
}

TEST_CASE("a delivery agent's file is taken at once, also by who starts later",
          "[consumer][strange][maildir]") {
  RealQueue queue;
  const std::string name = "1795403405.M633299P10625Q1.vm";
  write_file(queue.path(Folder::tmp, name), "mail");
  fs::rename(queue.path(Folder::tmp, name), queue.path(Folder::ready, name));
  Consumer consumer = queue.consumer();
  auto claim = consumer.try_take();
  REQUIRE(claim);
  CHECK(claim->payload() == "mail");
  CHECK(claim->info().name == name);
}

TEST_CASE("a file written in place is taken when its writer has closed it and it has settled",
          "[consumer][strange]") {
  RealQueue queue{{{"settle", "200ms"}}};
  Consumer consumer = queue.consumer();
  if (GENERATE(false, true)) CHECK_FALSE(consumer.take(Duration{0}));
  const std::string path = queue.path(Folder::ready, "copy");
  const int writer = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  CHECK(::write(writer, "hel", 3) == 3);
  CHECK_FALSE(consumer.take(Duration{500}));
  CHECK(::write(writer, "lo", 2) == 2);
  ::close(writer);
  auto claim = take_before_tick(consumer);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
}

TEST_CASE("a file's id is that of the whole file, though it was first seen half written",
          "[consumer][strange]") {
  RealQueue queue{{{"settle", "50ms"}}};
  const std::string path = queue.path(Folder::ready, "copy");
  PutOptions first;
  first.priority = 0;
  queue.put("ours", first);
  Consumer consumer = queue.consumer();
  const int writer = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  CHECK(::write(writer, "hel", 3) == 3);
  // The half is in the window while another message is handled.
  auto ours = consumer.take(Duration{0});
  REQUIRE(ours);
  CHECK(::write(writer, "lo", 2) == 2);
  ::close(writer);
  const auto before = queue.open().list(State::ready);
  REQUIRE(before.size() == 1);
  const auto written = fs::last_write_time(path);
  CHECK(eventually(
      [&] { return fs::file_time_type::clock::now() - written > std::chrono::milliseconds{100}; }));
  ours->ack();
  auto claim = take_before_tick(consumer);
  REQUIRE(claim);
  CHECK(claim->id() == before.front().id);
}

TEST_CASE("a writer that comes between the look at a file and its claim is waited for",
          "[consumer][strange]") {
  RealQueue queue{{{"settle", "50ms"}}};
  const std::string path = queue.path(Folder::ready, "copy");
  write_file(path, "hel");
  int writer = -1;
  BeforeClaim sys{"copy", [&] { writer = ::open(path.c_str(), O_WRONLY | O_APPEND); }};
  Consumer consumer = queue.consumer(sys);
  CHECK_FALSE(consumer.take(Duration{1000}));
  REQUIRE(writer >= 0);
  CHECK(queue.names(Folder::ready) == std::vector<std::string>{"copy"});
  CHECK(::write(writer, "lo", 2) == 2);
  ::close(writer);
  auto claim = take_before_tick(consumer);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  CHECK(claim->info().attempts == 1);
}

TEST_CASE("an empty file is a message once it has content", "[consumer][strange]") {
  RealQueue queue{{{"settle", "50ms"}}};
  Consumer consumer = queue.consumer();
  write_file(queue.path(Folder::ready, "flag"), "");
  CHECK_FALSE(consumer.take(Duration{300}));
  write_file(queue.path(Folder::ready, "flag"), "hello");
  auto claim = take_before_tick(consumer);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
}

TEST_CASE("a message shorter than its name waits for its writer, uncounted",
          "[consumer][strange][size]") {
  RealQueue queue{{{"settle", "50ms"}}};
  Consumer consumer = queue.consumer();
  const std::string path = queue.path(Folder::ready, kOurName + ",S=5");
  const int writer = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  CHECK(::write(writer, "hel", 3) == 3);
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours{1});
  queue.put("sound");
  CHECK(drain(consumer, Duration{200}) == std::multiset<std::string>{"sound"});
  CHECK(queue.names(Folder::ready) == std::vector<std::string>{kOurName + ",S=5"});
  CHECK(queue.count(Folder::bad) == 0);
  CHECK(::write(writer, "lo", 2) == 2);
  ::close(writer);
  auto claim = take_before_tick(consumer);
  REQUIRE(claim);
  CHECK(claim->payload() == "hello");
  CHECK(claim->info().attempts == 1);
}

TEST_CASE("a message of a wrong size without a writer goes to bad/", "[consumer][strange][size]") {
  RealQueue queue;
  Consumer consumer = queue.consumer();
  SECTION("too short") {
    const std::string path = queue.path(Folder::ready, kOurName + ",S=5");
    write_file(path, "hel");
    fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::hours{1});
  }
  SECTION("too long") { write_file(queue.path(Folder::ready, kOurName + ",S=5"), "hello!"); }
  queue.put("sound");
  CHECK(drain(consumer, Duration{0}) == std::multiset<std::string>{"sound"});
  CHECK(queue.count(Folder::bad) == 1);
  CHECK(queue.log.has("bytes, its name says 5"));
}

TEST_CASE("a second name of the same message is dropped at the claim", "[consumer][strange]") {
  RealQueue queue;
  const std::string first = queue.path(Folder::ready, kOurName + ",S=5");
  write_file(first, "hello");
  SECTION("in new/") {
    fs::create_hard_link(first, queue.path(Folder::ready, kOurName + ",S=5,A=2"));
  }
  SECTION("in later/") {
    fs::create_hard_link(first, queue.path(Folder::later, "9795403405000." + kOurName + ",S=5"));
  }
  SECTION("in failed/") { fs::create_hard_link(first, queue.path(Folder::failed, kOurName)); }
  SECTION("in cur/, of a dead consumer") {
    fs::create_hard_link(first, queue.path(Folder::claimed, kOurName + ",S=5,A=1,C=" + kDeadClaim));
  }
  Consumer consumer = queue.consumer();
  CHECK(drain(consumer, Duration{0}) == std::multiset<std::string>{"hello"});
  for (const Folder folder : {Folder::ready, Folder::claimed, Folder::later, Folder::failed}) {
    CHECK(queue.count(folder) == 0);
  }
}

TEST_CASE("two links of a stranger's file are two messages", "[consumer][strange]") {
  RealQueue queue;
  write_file(queue.path(Folder::ready, "one"), "hello");
  fs::create_hard_link(queue.path(Folder::ready, "one"), queue.path(Folder::ready, "two"));
  Consumer consumer = queue.consumer();
  // The second is alone once the first is gone, and then has to settle.
  CHECK(drain(consumer, Duration{1500}) == std::multiset<std::string>{"hello", "hello"});
}

TEST_CASE("what stands in consumers/ and is no file stops no consumer", "[consumer][strange]") {
  std::vector<Thing> things{kNoMessages.begin(), kNoMessages.end()};
  things.push_back({"a folder", [](const std::string& p) { fs::create_directory(p); }});
  const Thing thing = GENERATE_COPY(from_range(things));
  CAPTURE(thing.name);
  RealQueue queue;
  const std::string owner = "0123456789abcdef";
  thing.make(queue.path(Folder::consumers, owner));
  thing.make(queue.path(Folder::consumers, "spare.0123456789abcdef"));
  const std::string claimed = kOurName + ",S=5,A=1,C=" + owner + ".1";
  write_file(queue.path(Folder::claimed, claimed), "again");
  // More consumers than there are spares of ours.
  std::multiset<std::string> delivered;
  for (int i = 0; i < 6; ++i) {
    queue.put("hello");
    Consumer consumer = queue.consumer();
    delivered.merge(drain(consumer, Duration{0}));
  }
  static_cast<void>(queue.open().reap());
  Consumer consumer = queue.consumer();
  delivered.merge(drain(consumer, Duration{0}));
  CHECK(delivered.count("hello") == 6);
  CHECK(delivered.count("again") == 1);
  CHECK(fs::exists(fs::symlink_status(queue.path(Folder::consumers, owner))));
  CHECK(queue.open().stats().consumers == 1);
}

TEST_CASE("what stands in failed/ or done/ and is no file is no message", "[consumer][strange]") {
  std::vector<Thing> things{kNoMessages.begin(), kNoMessages.end()};
  things.push_back({"a folder", [](const std::string& p) { fs::create_directory(p); }});
  const Thing thing = GENERATE_COPY(from_range(things));
  const auto [folder, state] =
      GENERATE(std::pair{Folder::failed, State::failed}, std::pair{Folder::done, State::done});
  CAPTURE(thing.name, state);
  RealQueue queue;
  thing.make(queue.path(folder, kOurName + ",S=5"));
  const Queue open = queue.open();
  CHECK(open.list(state).empty());
  CHECK(open.stats().failed + open.stats().done == 0);
  CHECK(error_of([&] { return open.find("@oldest", {state}); }) == errc::no_such_message);
}

}  // namespace spoolq::test
