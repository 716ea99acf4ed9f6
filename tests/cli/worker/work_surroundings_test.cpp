// work: what it says to people, programs and the service manager.
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/schema.hpp"

namespace spoolq::test {
namespace {

using Json = nlohmann::json;

/// The service manager's end of sd_notify(3).
class Manager {
 public:
  /// `address` is a path, or a name in the abstract namespace with @ before it.
  explicit Manager(const std::string& address)
      : address_{address}, socket_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)} {
    struct sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::ranges::copy(address, std::begin(name.sun_path));
    if (address.front() == '@') name.sun_path[0] = '\0';
    const auto length =
        static_cast<socklen_t>(offsetof(struct sockaddr_un, sun_path) + address.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const struct sockaddr*>(&name), length) == 0);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() { ::close(socket_); }

  [[nodiscard]] const std::string& address() const { return address_; }

  /// Receives until `text` has come so many times; false: it did not within ten seconds.
  bool wait_for(const std::string& text, std::ptrdiff_t count = 1) {
    return eventually([&] {
      struct pollfd ready = {.fd = socket_, .events = POLLIN, .revents = 0};
      if (::poll(&ready, 1, 100) == 1) {
        std::array<char, 1024> buffer{};
        const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (size > 0) received.emplace_back(buffer.data(), static_cast<std::size_t>(size));
      }
      return std::ranges::count(received, text) >= count;
    });
  }

  std::vector<std::string> received;

 private:
  std::string address_;
  int socket_;
};

Invocation with_environment(Invocation invocation, std::map<std::string, std::string> environment) {
  invocation.environment = std::move(environment);
  return invocation;
}

TEST_CASE("the service manager learns that a worker is ready, alive and stopping",
          "[cli][work][notify]") {
  const Workplace place;
  for (const std::string& address :
       {place / "notify", "@spoolq-test-" + std::to_string(::getpid())}) {
    CAPTURE(address);
    Manager manager{address};
    Running worker{with_environment(place.script({}, "sleep 1000"),
                                    {{"NOTIFY_SOCKET", address}, {"WATCHDOG_USEC", "100000"}})};
    CHECK(manager.wait_for("READY=1"));
    CHECK(manager.wait_for("WATCHDOG=1", 2));
    // Also while a job runs.
    place.put();
    CHECK(eventually([&] { return place.count("claimed") == 1; }));
    const auto seen = std::ranges::count(manager.received, "WATCHDOG=1");
    CHECK(manager.wait_for("WATCHDOG=1", seen + 12));
    CHECK(std::ranges::any_of(manager.received,
                              [](const std::string& text) { return text.starts_with("STATUS="); }));
    worker.signal(SIGTERM);
    CHECK(manager.wait_for("STOPPING=1"));
    // It is still alive while it finishes what runs.
    const auto stopping = std::ranges::count(manager.received, "WATCHDOG=1");
    CHECK(manager.wait_for("WATCHDOG=1", stopping + 2));
    worker.signal(SIGTERM);
    CHECK(worker.wait().exit == 143);
    run_well({"purge", place.queue(), "--all", "--force"});
  }
}

TEST_CASE("a watchdog that is meant for another process is not fed", "[cli][work][notify]") {
  const Workplace place;
  Manager manager{place / "notify"};
  const Outcome outcome = run(with_environment(
      place.script({"--drain"}, "true"),
      {{"NOTIFY_SOCKET", manager.address()}, {"WATCHDOG_USEC", "100000"}, {"WATCHDOG_PID", "1"}}));
  CHECK(outcome.exit == 0);
  CHECK(manager.wait_for("STOPPING=1"));
  CHECK(std::ranges::count(manager.received, "READY=1") == 1);
  CHECK(std::ranges::count(manager.received, "WATCHDOG=1") == 0);
}

TEST_CASE("a service manager that does not listen is no obstacle", "[cli][work][notify]") {
  const Workplace place;
  place.put();
  for (const std::string& address : {place / "nobody", std::string{"@"}, std::string{"relative"},
                                     std::string(500, '/'), std::string{}}) {
    CHECK(run(with_environment(place.script({"--drain"}, "true"), {{"NOTIFY_SOCKET", address}}))
              .exit == 0);
  }
}

TEST_CASE("each end of a job is a line on standard error", "[cli][work][log]") {
  const Workplace place;
  const std::string time = R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)";
  const std::string end = R"(, attempt 1, \d+\.\d{3}s)";
  for (const auto& [job, option, expected] : std::vector<std::array<std::string, 3>>{
           {"exit 0", "--max-attempts=5", "done ID cat.jpg" + end},
           {"exit 3", "--backoff=100d", "retry ID cat.jpg" + end + ": exit code 3; due " + time},
           {"exit 3", "--max-attempts=1", "failed ID cat.jpg" + end + ": exit code 3"}}) {
    const std::string id = place.put("", {"--name=cat.jpg"});
    const std::string line = place.drain(job, {option}).err;
    CAPTURE(line, expected);
    std::string pattern = time + " " + expected + "\n";
    pattern.replace(pattern.find("ID"), 2, id.substr(28));
    CHECK(std::regex_match(line, std::regex{pattern}));
  }
}

TEST_CASE("work -v tells of starts, --quiet only of what needs somebody", "[cli][work][log]") {
  const Workplace place{{"max_attempts=1"}};
  place.put("", {"--name=good"});
  place.put("", {"--name=bad"});
  const std::string job = "test $SPOOLQ_NAME = good";
  const std::string quiet = place.drain(job, {"--quiet"}).err;
  CHECK(lines_of(quiet).size() == 1);
  CHECK(has(quiet, " failed "));
  place.put("", {"--name=good"});
  const std::string verbose = place.drain(job, {"-v"}).err;
  CHECK(has(verbose, " start "));
  CHECK(has(verbose, " done "));
}

TEST_CASE("a name in the log is escaped, and colour is used when asked for", "[cli][work][log]") {
  const Workplace place;
  place.put("", {"--name=a\x1b[31m\nb"});
  const std::string plain = place.drain("true").err;
  CHECK(has(plain, R"( a\x1b[31m\x0ab,)"));
  CHECK(lines_of(plain).size() == 1);
  place.put();
  CHECK(has(place.drain("true", {"--color=always"}).err, "\x1b[32mdone\x1b[0m"));
}

TEST_CASE("as JSON each line is a document, also what jobs write", "[cli][work][log]") {
  const Workplace place{{"max_attempts=2"}};
  const std::string id = place.put("", {"--name=na\xffme"});
  const Outcome outcome = place.drain("printf 'one\\ntwo \"x\"' >&2; exit 3",
                                      {"--log-format=json", "-v", "--backoff=off"});
  const Schema schema{"spoolq.log.1"};
  std::vector<std::string> events;
  std::vector<std::string> texts;
  for (const std::string& line : lines_of(outcome.err)) {
    CAPTURE(line);
    CHECK(schema.problems(line) == std::vector<std::string>{});
    const Json event = Json::parse(line);
    if (event.at("event") == "note") continue;  // What the library says.
    events.push_back(event.at("event"));
    CHECK(event.at("id") == id);
    CHECK(event.at("name") == "na\xef\xbf\xbdme");
    CHECK(event.at("name_b64") == "bmH/bWU=");
    if (event.at("event") == "stderr") texts.push_back(event.at("text"));
    if (event.at("event") == "failed") {
      CHECK(event.at("level") == "warning");
      CHECK(event.at("exit_code") == 3);
      CHECK(event.at("attempt") == 2);
      CHECK(event.at("seconds").is_number());
      CHECK(event.at("text") == "exit code 3");
    }
  }
  CHECK(events == std::vector<std::string>{"start", "stderr", "stderr", "retry", "start", "stderr",
                                           "stderr", "failed"});
  CHECK(texts == std::vector<std::string>{"one", "two \"x\"", "one", "two \"x\""});
}

TEST_CASE("what ends a worker is JSON too where the log is", "[cli][work][log]") {
  const Workplace place;
  const Outcome outcome = run(place.worker({"--log-format=json"}, {"no-such-command"}));
  CHECK(outcome.exit == 127);
  REQUIRE(lines_of(outcome.err).size() == 1);
  CHECK(has(Json::parse(outcome.err).at("text"), "no-such-command"));
}

TEST_CASE("a line of the log begins at its begin", "[cli][work][log]") {
  const Workplace place;
  place.put();
  const std::vector<std::string> lines = lines_of(place.drain("printf unfinished >&2").err);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0] == "unfinished");
  CHECK(has(lines[1], " done "));
}

TEST_CASE("work --bar shows progress on a terminal and nowhere else", "[cli][work][bar]") {
  const Workplace place;
  place.put_many(3);
  Invocation invocation = place.script({"--drain", "--bar"}, "sleep 0.3");
  invocation.on_terminal = true;
  const Outcome outcome = run(invocation);
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.out, "[....................] 0/3, 0 running"));
  CHECK(has(outcome.out, "/3, 1 running"));
  CHECK(has(outcome.out, "/s, "));
  // It is gone before anything else is said, and at the end.
  CHECK(has(outcome.out, "\r\x1b[K20"));
  CHECK_FALSE(has(outcome.out.substr(outcome.out.rfind("\r\x1b[K") + 4), "["));
  const std::regex pattern{R"(\[[#.]{20}\][^\r\n\x1b]*)"};
  std::sregex_iterator bar{outcome.out.begin(), outcome.out.end(), pattern};
  CHECK(bar != std::sregex_iterator{});
  for (; bar != std::sregex_iterator{}; ++bar) CHECK(bar->length() < 80);
  place.put();
  CHECK_FALSE(has(place.drain("true", {"--bar"}).err, "["));
}

}  // namespace
}  // namespace spoolq::test
