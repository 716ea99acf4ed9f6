// Writers that write in new/ itself, and take their time: none is met half way.
#include <fmt/core.h>
#include <sys/stat.h>

#include <chrono>
#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Names = std::map<std::string, int>;

/// A queue in which a file settles soon, and `payload` beside it.
struct Inbox {
  explicit Inbox(const std::string& settle = "50ms") : queue{{{"settle", settle}}} {
    write_file(queue.around() / "payload", payload);
  }
  /// Waits until a file has been left alone for so long that only its writer, or its being empty,
  /// keeps it from being taken.
  [[nodiscard]] bool left_alone(const std::string& name) const {
    constexpr std::chrono::milliseconds kLongSettled{300};
    return eventually([&] {
      struct stat status = {};
      if (::stat(queue.path(Folder::ready, name).c_str(), &status) != 0) return true;
      const auto changed = std::chrono::seconds{status.st_ctim.tv_sec} +
                           std::chrono::nanoseconds{status.st_ctim.tv_nsec};
      return std::chrono::system_clock::now().time_since_epoch() - changed > kLongSettled;
    });
  }
  [[nodiscard]] bool nothing_left() const {
    return queue.count(Folder::ready) + queue.count(Folder::claimed) + queue.count(Folder::bad) ==
           0;
  }
  std::string payload = long_text();
  RealQueue queue;
};

/// Writes a third of the payload into $1, waits, writes the rest; the file stays open.
constexpr const char* kSlowWriter = R"(
exec 3> "$Q/new/$NAME"
head -c 100000 payload >&3
echo begun
read -r line
tail -c +100001 payload >&3
exec 3>&-)";

std::string slow_writer(const std::string& name) {
  return fmt::format("NAME='{}'\n{}", name, kSlowWriter);
}

}  // namespace

TEST_CASE("a writer that pauses in the middle is waited for, however long",
          "[writers][in place][polling]") {
  // Also under a name as mail programs give, whose files come whole, and beside a second link.
  const std::string name = GENERATE(as<std::string>{}, "slow", "1795403749.M999038P6595.vm");
  const bool linked = GENERATE(false, true);
  CAPTURE(name, linked);
  Inbox inbox;
  Taker taker{inbox.queue};
  Script writer{inbox.queue, slow_writer(name)};
  REQUIRE(writer.line() == "begun\n");
  if (linked)
    fs::create_hard_link(inbox.queue.path(Folder::ready, name), inbox.queue.around() / "l");
  REQUIRE(inbox.left_alone(name));
  CHECK(taker.all().empty());
  writer.go_on();
  writer.end();
  CHECK(taker.has(name));
  CHECK(taker.whole(inbox.payload) == Names{{name, 1}});
  CHECK(inbox.nothing_left());
  if (linked) CHECK(read_file(inbox.queue.around() / "l") == inbox.payload);
}

TEST_CASE("several consumers wait for the same writer, and one of them gets the message",
          "[writers][in place][polling]") {
  Inbox inbox;
  Taker first{inbox.queue};
  Taker second{inbox.queue};
  Script writer{inbox.queue, slow_writer("slow")};
  REQUIRE(writer.line() == "begun\n");
  REQUIRE(inbox.left_alone("slow"));
  // Both are awake in turn.
  inbox.queue.put("a");
  inbox.queue.put("b");
  const auto taken = [&] {
    std::multiset<std::string> payloads;
    for (const Taker* taker : {&first, &second}) {
      for (const Taken& each : taker->so_far()) payloads.insert(each.payload);
    }
    return payloads;
  };
  REQUIRE(eventually([&] { return taken().size() >= 2; }));
  CHECK(taken() == std::multiset<std::string>{"a", "b"});
  writer.go_on();
  writer.end();
  REQUIRE(eventually([&] { return taken().size() >= 3; }));
  CHECK(taken() == std::multiset<std::string>{"a", "b", inbox.payload});
  CHECK(inbox.nothing_left());
}

TEST_CASE("a file that is made empty and filled later is one message",
          "[writers][in place][polling]") {
  Inbox inbox;
  Taker taker{inbox.queue};
  shell(inbox.queue, R"(touch "$Q/new/flag")");
  REQUIRE(inbox.left_alone("flag"));
  CHECK(taker.all().empty());
  SECTION("by appending to it") { shell(inbox.queue, R"(cat payload >> "$Q/new/flag")"); }
  SECTION("by writing it anew") { shell(inbox.queue, R"(cp payload "$Q/new/flag")"); }
  SECTION("by a rename over it") { shell(inbox.queue, R"(cp payload x; mv x "$Q/new/flag")"); }
  SECTION("by a writer that pauses") {
    Script writer{inbox.queue, slow_writer("flag")};
    REQUIRE(writer.line() == "begun\n");
    REQUIRE(inbox.left_alone("flag"));
    CHECK(taker.all().empty());
    writer.go_on();
    writer.end();
  }
  CHECK(taker.has("flag"));
  CHECK(taker.whole(inbox.payload) == Names{{"flag", 1}});
  CHECK(inbox.nothing_left());
}

TEST_CASE("a file that is closed and opened again within settle is one message",
          "[writers][in place][polling]") {
  Inbox inbox{"1h"};
  {
    Taker taker{inbox.queue};
    shell(inbox.queue, R"(head -c 100000 payload > "$Q/new/twice")");
    CHECK(taker.all().empty());
    shell(inbox.queue, R"(tail -c +100001 payload >> "$Q/new/twice")");
    CHECK(taker.all().empty());
  }
  inbox.queue.open().configure({{"settle", "50ms"}});
  Taker taker{inbox.queue};
  CHECK(taker.has("twice"));
  CHECK(taker.whole(inbox.payload) == Names{{"twice", 1}});
  CHECK(inbox.nothing_left());
}

TEST_CASE("a file that is written through a mapping is taken when that is gone",
          "[writers][in place][polling]") {
  Inbox inbox;
  Taker taker{inbox.queue};
  Script writer{inbox.queue, R"(needs: python3
exec python3 -c '
import mmap, os, sys
payload = open("payload", "rb").read()
fd = os.open(sys.argv[1] + "/new/mapped", os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(fd, len(payload))
memory = mmap.mmap(fd, len(payload))  # Has a descriptor of its own, which is a copy of ours.
os.close(fd)
for other in os.listdir("/proc/self/fd"):
    try:
        if os.readlink("/proc/self/fd/" + other).endswith("/new/mapped"): os.close(int(other))
    except FileNotFoundError:
        pass  # The one that listed the others.
print("begun", flush=True)
sys.stdin.readline()
memory[:] = payload
os._exit(0)
' "$Q")"};
  REQUIRE(writer.line() == "begun\n");
  REQUIRE(inbox.left_alone("mapped"));
  CHECK(taker.all().empty());
  writer.go_on();
  writer.end();
  CHECK(taker.has("mapped"));
  CHECK(taker.whole(inbox.payload) == Names{{"mapped", 1}});
  CHECK(inbox.nothing_left());
}

TEST_CASE("a file that is renamed while its writer has it open is taken when it is closed",
          "[writers][in place][polling]") {
  // As programs do that rename before their buffers are written.
  Inbox inbox;
  Taker taker{inbox.queue};
  Script writer{inbox.queue, R"(
exec 3> "$Q/tmp/early"
head -c 100000 payload >&3
mv "$Q/tmp/early" "$Q/new/early"
echo begun
read -r line
tail -c +100001 payload >&3
exec 3>&-)"};
  REQUIRE(writer.line() == "begun\n");
  REQUIRE(inbox.left_alone("early"));
  CHECK(taker.all().empty());
  writer.go_on();
  writer.end();
  CHECK(taker.has("early"));
  CHECK(taker.whole(inbox.payload) == Names{{"early", 1}});
  CHECK(inbox.nothing_left());
}

TEST_CASE("an empty file is a message when it comes by rename, and a placeholder when it does not",
          "[writers][in place]") {
  Inbox inbox;
  Taker taker{inbox.queue};
  shell(inbox.queue, R"(touch "$Q/new/placeholder"; touch flag; mv flag "$Q/new/flag")");
  CHECK(taker.has("flag"));
  REQUIRE(inbox.left_alone("placeholder"));
  CHECK(taker.whole("") == Names{{"flag", 1}});
  CHECK(inbox.queue.names(Folder::ready) == std::vector<std::string>{"placeholder"});
}

TEST_CASE("of a writer that dies in the middle there is what it wrote, once",
          "[writers][in place][polling]") {
  Inbox inbox;
  Taker taker{inbox.queue};
  Script writer{inbox.queue, slow_writer("torn")};
  REQUIRE(writer.line() == "begun\n");
  REQUIRE(inbox.left_alone("torn"));
  CHECK(taker.all().empty());
  writer.kill();
  CHECK(taker.has("torn"));
  CHECK(taker.whole(inbox.payload.substr(0, 100'000)) == Names{{"torn", 1}});
  CHECK(inbox.nothing_left());
}

TEST_CASE("of a writer that dies before its rename there is nothing",
          "[writers][in place][polling]") {
  Inbox inbox;
  Taker taker{inbox.queue};
  const std::string name = GENERATE(as<std::string>{}, ".torn.Xy12", "torn.part");
  Script writer{inbox.queue, slow_writer(name)};
  REQUIRE(writer.line() == "begun\n");
  writer.kill();
  REQUIRE(inbox.left_alone(name));
  CHECK(taker.all().empty());
  CHECK(fs::exists(inbox.queue.path(Folder::ready, name)));
}

}  // namespace spoolq::test
