// Without inotify: SPOOLQ_POLL makes everything that waits look at intervals instead.
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "spoolq/monitor.hpp"
#include "tests/support/catch.hpp"
#include "tests/writers/taker.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Names = std::map<std::string, int>;

/// The variable, set in this process as long as it lives.
class Polling {
 public:
  explicit Polling(const char* value = "1") { ::setenv("SPOOLQ_POLL", value, 1); }
  Polling(const Polling&) = delete;
  Polling& operator=(const Polling&) = delete;
  ~Polling() { ::unsetenv("SPOOLQ_POLL"); }
};

/// How many files this process watches with inotify(7).
int watches() {
  int count = 0;
  for (const auto& entry : fs::directory_iterator{"/proc/self/fdinfo"}) {
    for (const std::string& line : lines_of(read_file(entry.path()))) {
      if (line.starts_with("inotify wd:")) ++count;
    }
  }
  return count;
}

Invocation polling(const std::vector<std::string>& arguments) {
  return Invocation{.arguments = arguments, .environment = {{"SPOOLQ_POLL", "1"}}};
}

}  // namespace

TEST_CASE("with SPOOLQ_POLL nothing watches, without it everything does", "[writers][polls]") {
  RealQueue queue;
  const auto used = [&] {
    Consumer consumer = queue.consumer();
    static_cast<void>(consumer.fd());
    const Monitor monitor{queue.open()};
    return watches();
  };
  CHECK(used() > 0);
  {
    const Polling off{"0"};
    CHECK(used() > 0);
  }
  {
    const Polling off{""};
    CHECK(used() > 0);
  }
  const Polling on;
  CHECK(used() == 0);
}

TEST_CASE("with SPOOLQ_POLL a waiting consumer gets what comes, however it comes",
          "[writers][polls]") {
  const Polling on;
  RealQueue queue{{{"settle", "50ms"}}};
  Taker taker{queue};
  PutOptions options;
  options.name = "put";
  queue.put("hello", options);
  CHECK(taker.has("put"));
  options.name = "delayed";
  options.delay = Duration{200};
  queue.put("hello", options);
  CHECK(taker.has("delayed"));
  shell(queue, R"(printf hello > file
cp file "$Q/new/copied"; ln file "$Q/new/linked"; mv file "$Q/new/moved")");
  for (const char* name : {"copied", "linked", "moved"}) CHECK(taker.has(std::string{name}));
  CHECK(taker.whole("hello") ==
        Names{{"put", 1}, {"delayed", 1}, {"copied", 1}, {"linked", 1}, {"moved", 1}});
}

TEST_CASE("with SPOOLQ_POLL a monitor and the waiting verbs notice what happens",
          "[writers][polls]") {
  const Polling on;
  RealQueue queue;
  Monitor monitor{queue.open()};
  Running take{polling({"take", queue.path(), "--wait=20s", "--hold"})};
  REQUIRE(eventually([&] { return queue.open().stats().consumers == 1; }));
  const std::string id = queue.put("hello").to_string();
  CHECK(has(take.read_line(), id));
  CHECK(take.wait().exit == 0);
  // Which of its events is seen depends on when a look falls.
  const auto event = monitor.next(kLong);
  REQUIRE(event);
  CHECK(event->id.to_string() == id);
  Running wait{polling({"wait", queue.path(), id})};
  run_well({"ack", queue.path(), id});
  CHECK(wait.wait().exit == 0);
}

TEST_CASE("with SPOOLQ_POLL the messages of a dead consumer come back", "[writers][polls]") {
  const Polling on;
  RealQueue queue;
  const std::string id = queue.put("hello").to_string();
  Running worker{polling({"work", queue.path(), "--quiet", "--", "sleep", "100"})};
  REQUIRE(eventually([&] { return queue.count(Folder::claimed) == 1; }));
  Taker taker{queue};
  CHECK(taker.all().empty());
  worker.signal(SIGKILL);
  CHECK(taker.has(1));
  REQUIRE(taker.all().size() == 1);
  CHECK(taker.all().front().id.to_string() == id);
  CHECK(taker.all().front().attempts == 2);
}

}  // namespace spoolq::test
