// A queue that several users share: files of others, which we may not always read, nor ask who
// writes them.
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>

#include "tests/support/catch.hpp"
#include "tests/support/child_process.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Names = std::map<std::string, int>;

/// The users and their group, which nothing else uses.
constexpr uid_t kConsumer = 61'234;
constexpr uid_t kWriter = 61'235;
constexpr gid_t kGroup = 61'236;

/// A queue of root's that the group may use.
struct SharedQueue {
  explicit SharedQueue(const std::string& settle) : queue{{{"settle", settle}, {"mode", "2770"}}} {
    if (::geteuid() != 0) throw std::runtime_error{"this test needs root: it acts as other users"};
    fs::permissions(queue.around().path(), fs::perms{0755});
    share(queue.path());
    for (const auto& entry : fs::recursive_directory_iterator{queue.path()}) share(entry.path());
    write_file(queue.around() / "payload", payload);
  }
  static void share(const fs::path& path) {
    REQUIRE(::chown(path.c_str(), static_cast<uid_t>(-1), kGroup) == 0);
    // chown(2) takes the bit away from files only; said again for whoever reads this.
    if (fs::is_directory(path)) REQUIRE(::chmod(path.c_str(), 02770) == 0);
  }
  /// A script as the writer.
  void write(const std::string& script, const std::string& umask = "027") const {
    shell(queue, command(script, umask));
  }
  static std::string command(const std::string& script, const std::string& umask = "027") {
    return fmt::format(
        "needs setpriv\nexec setpriv --reuid={} --regid={} --clear-groups sh -c '"
        "umask {}\n{}'",
        kWriter, kGroup, umask, script);
  }
  std::string payload = long_text();
  RealQueue queue;
};

/// A consumer that is not root. Takes one message after another and reports each.
class OtherConsumer {
 public:
  explicit OtherConsumer(const SharedQueue& shared, int count = 1)
      : child_{[this, path = shared.queue.path(), payload = shared.payload, count] {
          if (::setgid(kGroup) != 0 || ::setuid(kConsumer) != 0) return 1;
          int reports = 0;
          Consumer consumer{path, [&](LogLevel, std::string_view line) {
                              if (has(std::string{line}, "left for later")) ++reports;
                            }};
          if (consumer.take(Duration{0})) return 2;
          said_.send("+");
          for (int i = 0; i < count; ++i) {
            auto claim = consumer.take(kLong);
            if (!claim) return 3;
            said_.send(fmt::format("{} run {} {} reports {}\n", claim->info().name,
                                   claim->info().attempts,
                                   claim->payload() == payload ? "whole" : "not whole", reports));
            claim->ack(Sync::none);
          }
          return 0;
        }} {
    said_.close_sender();
    if (said_.receive(1) != "+") throw std::runtime_error{"the consumer does not start"};
  }
  /// All that it said, after its end.
  std::string report() {
    std::string said = said_.receive_all();
    const int code = child_.wait();
    return code == 0 ? said : fmt::format("{}exit {}", said, code);
  }

 private:
  Pipe said_;
  ChildProcess child_;
};

}  // namespace

TEST_CASE("a consumer that is root takes what other users write, whole", "[writers][users]") {
  // Root may ask who writes them.
  const std::string umask = GENERATE(as<std::string>{}, "027", "077");
  SharedQueue shared{"20ms"};
  Taker taker{shared.queue};
  Script writer{shared.queue, SharedQueue::command(R"(
exec 3> "$Q/new/slow"
head -c 100000 payload >&3
echo begun
read -r line
tail -c +100001 payload >&3)",
                                                   umask)};
  REQUIRE(writer.line() == "begun\n");
  const auto begin = std::chrono::steady_clock::now();
  CHECK(eventually(
      [&] { return std::chrono::steady_clock::now() - begin > std::chrono::milliseconds{400}; }));
  CHECK(taker.all().empty());
  writer.go_on();
  writer.end();
  CHECK(taker.has("slow"));
  CHECK(taker.whole(shared.payload) == Names{{"slow", 1}});
  shared.write(R"(cp payload "$Q/tmp/x"; mv "$Q/tmp/x" "$Q/new/moved")", umask);
  CHECK(taker.has("moved"));
  CHECK(taker.whole(shared.payload) == Names{{"slow", 1}, {"moved", 1}});
}

TEST_CASE("a consumer that is not root takes at once what another user renames in",
          "[writers][users]") {
  SharedQueue shared{"1h"};
  OtherConsumer consumer{shared};
  shared.write(R"(cp payload "$Q/tmp/x"; mv "$Q/tmp/x" "$Q/new/moved")");
  CHECK(consumer.report() == "moved run 1 whole reports 0\n");
  CHECK(shared.queue.count(Folder::claimed) == 0);
}

TEST_CASE("a consumer that is not root takes what another user writes after ten times settle",
          "[writers][users]") {
  SharedQueue shared{"30ms"};
  OtherConsumer consumer{shared};
  const std::string name = GENERATE(as<std::string>{}, "copy", "1795403749.M999038P6595.vm");
  const auto begin = std::chrono::steady_clock::now();
  shared.write(fmt::format(R"(cp payload "$Q/new/{}")", name));
  CHECK(consumer.report() == name + " run 1 whole reports 0\n");
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds{300});
}

TEST_CASE("a backup that links to what another user writes does not make it complete",
          "[writers][users]") {
  // Ten times as long as the test may take.
  SharedQueue shared{"1h"};
  OtherConsumer consumer{shared};
  Script writer{shared.queue, SharedQueue::command(R"(
exec 3> "$Q/new/upload"
head -c 100000 payload >&3
echo begun
read -r line
tail -c +100001 payload >&3
exec 3>&-
mv "$Q/new/upload" "$Q/tmp/upload"
mv "$Q/tmp/upload" "$Q/new/upload")")};
  REQUIRE(writer.line() == "begun\n");
  // The backup, root's, reads the names and links.
  shell(shared.queue, R"(cp -al "$Q/new" backup)");
  // Another file, renamed in after that, is what the consumer takes first unless it takes the half.
  shared.write(R"(cp payload "$Q/tmp/x"; mv "$Q/tmp/x" "$Q/new/moved")");
  CHECK(consumer.report() == "moved run 1 whole reports 0\n");
  CHECK(shared.queue.count(Folder::ready) == 1);
  writer.go_on();
  writer.end();
}

TEST_CASE("a file that we may not read is reported once, not counted, and taken when we may",
          "[writers][users]") {
  SharedQueue shared{"10ms"};
  OtherConsumer consumer{shared, 2};
  shared.write(R"(cp payload "$Q/tmp/x"; mv "$Q/tmp/x" "$Q/new/secret")", "077");
  shared.write(R"(cp payload "$Q/tmp/x"; mv "$Q/tmp/x" "$Q/new/public")");
  // Its name stays or comes back while it is looked at.
  CHECK(eventually([&] { return shared.queue.count(Folder::claimed) == 0; }));
  shared.write(R"(for i in 1 2 3 4 5; do chmod 640 "$Q/new/secret" && exit; done)");
  const std::string report = consumer.report();
  CHECK(report == "public run 1 whole reports 1\nsecret run 1 whole reports 1\n");
  CHECK(shared.queue.count(Folder::bad) == 0);
}

TEST_CASE("the whole name of a file that we may read but not write comes with its first claim",
          "[writers][users][names]") {
  SharedQueue shared{"1h"};
  OtherConsumer consumer{shared};
  const std::string name(255, 'n');
  shared.write(fmt::format(R"(cp payload "$Q/tmp/x"; mv "$Q/tmp/x" "$Q/new/{}")", name));
  CHECK(consumer.report() == name + " run 1 whole reports 0\n");
}

}  // namespace spoolq::test
