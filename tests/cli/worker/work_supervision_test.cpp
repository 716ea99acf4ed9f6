// work: nothing of a job outlives the job or its worker, however either of them ends.
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <sstream>
#include <string>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A job with a family: a child, a grandchild whose parent is gone, one in a session of its own,
/// one in a session of its own with children that ignores what can be ignored, and itself. Each
/// writes its number into the folder pids.
const std::string kFamily =
    "mkdir -p pids; note() { echo $1 > pids/$2.tmp && mv pids/$2.tmp pids/$2; };"
    "sleep 1000 & note $! child;"
    "(sleep 1000 & note $! orphan);"
    "setsid sh -c 'echo $$ > pids/s.tmp; mv pids/s.tmp pids/session; exec sleep 1000' &"
    "setsid sh -c 'trap \"\" TERM HUP INT; setsid sleep 1000 & echo $! > pids/d.tmp;"
    " mv pids/d.tmp pids/deep; echo $$ > pids/i.tmp; mv pids/i.tmp pids/ignoring;"
    " while :; do sleep 1; done' &"
    "note $$ job;";
constexpr std::size_t kFamilySize = 6;

bool all_there(const Workplace& place) {
  return fs::exists(place / "pids") && numbers_in(place / "pids").size() == kFamilySize;
}

bool all_gone(const Workplace& place) {
  return std::ranges::none_of(numbers_in(place / "pids"), is_alive);
}

TEST_CASE("a job that ends takes with it all that it left running", "[cli][work][supervision]") {
  const Workplace place;
  place.put();
  // It waits until all have begun, then ends.
  place.drain(kFamily + "while [ $(ls pids | grep -vc tmp) -lt 6 ]; do sleep 0.01; done");
  CHECK(numbers_in(place / "pids").size() == kFamilySize);
  CHECK(all_gone(place));
  CHECK(place.count("ready,claimed,delayed,failed") == 0);
}

TEST_CASE("a timeout ends a job with all that belongs to it", "[cli][work][supervision]") {
  const Workplace place{{"max_attempts=1"}};
  place.put();
  place.drain(kFamily + "while :; do sleep 1; done", {"--timeout=1500ms", "--grace=100ms"});
  CHECK(all_there(place));
  CHECK(all_gone(place));
}

TEST_CASE("when a worker is killed, nothing of its jobs is left, and the message comes again",
          "[cli][work][supervision]") {
  const Workplace place;
  const std::string id = place.put();
  {
    const Running worker{place.script({}, kFamily + "trap '' TERM; while :; do sleep 1; done")};
    REQUIRE(eventually([&] { return all_there(place); }));
    worker.signal(SIGKILL);
    CHECK(eventually([&] { return all_gone(place); }));
  }
  CHECK(place.drain("echo attempt $SPOOLQ_ATTEMPT").out == "attempt 2\n");
}

TEST_CASE("a worker that dies with several jobs takes all of them along",
          "[cli][work][supervision]") {
  // Each supervisor must notice, though the others were made while its pipe was open.
  const Workplace place;
  fs::create_directory(place / "pids");
  place.put_many(5);
  const Running worker{
      place.script({"-j5"}, "sleep 1000 & echo $! $$ | tr ' ' '\\n' > pids/$$; wait")};
  REQUIRE(eventually([&] { return numbers_in(place / "pids").size() == 10; }));
  worker.signal(SIGKILL);
  CHECK(eventually([&] { return all_gone(place); }));
}

/// The parent of a process.
long parent_of(long process) {
  const std::string stat = read_file("/proc/" + std::to_string(process) + "/stat");
  return std::stol(stat.substr(stat.rfind(')') + 4));
}

TEST_CASE("a job whose supervisor is killed ends, and is tried again", "[cli][work][supervision]") {
  const Workplace place{{"max_attempts=2"}};
  const std::string id = place.put();
  Running worker{place.script({"--drain"}, "echo $$ > pid; exec sleep 1000")};
  for (int attempt = 1; attempt <= 2; ++attempt) {
    REQUIRE(eventually([&] { return read_file(place / "pid").ends_with('\n'); }));
    const long job = std::stol(read_file(place / "pid"));
    fs::remove(place / "pid");
    REQUIRE(::kill(static_cast<pid_t>(parent_of(job)), SIGKILL) == 0);
    CHECK(eventually([&] { return !is_alive(job); }));
  }
  CHECK(worker.wait().exit == 0);
  CHECK(place.show(id).at("state") == "failed");
  CHECK(has(place.show(id).at("reason").at("text"), "supervising process"));
}

TEST_CASE("a job ends with its supervisor even if the worker can do nothing",
          "[cli][work][supervision]") {
  const Workplace place;
  place.put();
  Running worker{place.script({"--once"}, "echo $$ > pid; exec sleep 1000")};
  REQUIRE(eventually([&] { return read_file(place / "pid").ends_with('\n'); }));
  const long job = std::stol(read_file(place / "pid"));
  worker.signal(SIGSTOP);
  REQUIRE(::kill(static_cast<pid_t>(parent_of(job)), SIGKILL) == 0);
  CHECK(eventually([&] { return !is_alive(job); }));
  worker.signal(SIGCONT);
  CHECK(worker.wait().exit == 0);
}

TEST_CASE("a message is nobody else's before the last process of its job is gone",
          "[cli][work][supervision]") {
  for (int i = 0; i < 10; ++i) {
    const Workplace place;
    place.put();
    const Running worker{place.script({}, "sleep 1000 & echo $$ $! > pid; wait")};
    REQUIRE(eventually([&] { return read_file(place / "pid").ends_with('\n'); }));
    // Somebody waits for the message already.
    Running next{{.arguments = {"take", place.queue(), "--wait=10s"}}};
    REQUIRE(eventually(
        [&] { return has(run_well({"stats", place.queue(), "--json"}), R"("consumers":2)"); }));
    worker.signal(SIGKILL);
    CHECK(next.wait().exit == 0);
    std::istringstream processes{read_file(place / "pid")};
    for (long process = 0; processes >> process;) CHECK_FALSE(is_alive(process));
  }
}

/// A worker, and so its supervisors, that cannot kill what another user runs.
Invocation without_kill(Invocation worker) {
  if (::geteuid() != 0) FAIL("needs root: its jobs become other users");
  worker.arguments.insert(worker.arguments.begin(),
                          {"--bounding-set=-kill", "--inh-caps=-kill",
                           worker.program.empty() ? program_path() : worker.program});
  worker.program = "/usr/bin/setpriv";
  return worker;
}

/// In a job: leaves such a process, whose number is in the file `helper`.
const std::string kLeaveHelper =
    "setpriv --reuid=61239 --clear-groups sleep 1000 > /dev/null 2>&1 & echo $! > h;"
    "until grep -q 61239 /proc/$!/status; do sleep 0.01; done; mv h helper;";

/// Ends that process, whatever happens to the test.
class Helper {
 public:
  explicit Helper(const Workplace& place) : file_{place / "helper"} {}
  Helper(const Helper&) = delete;
  Helper& operator=(const Helper&) = delete;
  ~Helper() { kill(); }
  [[nodiscard]] bool is_there() const { return fs::exists(file_); }
  [[nodiscard]] long process() const { return std::stol(read_file(file_)); }
  void kill() const {
    if (is_there()) ::kill(static_cast<pid_t>(process()), SIGKILL);
  }

 private:
  std::string file_;
};

/// Stands for the system's log where none runs.
class SystemLog {
 public:
  SystemLog() : fd_{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)} {
    struct sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, kPath, sizeof address.sun_path - 1);
    is_ours_ = ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    // A job-keeper may be another user's.
    if (is_ours_) fs::permissions(kPath, fs::perms::all);
  }
  SystemLog(const SystemLog&) = delete;
  SystemLog& operator=(const SystemLog&) = delete;
  ~SystemLog() {
    ::close(fd_);
    if (is_ours_) fs::remove(kPath);
  }
  [[nodiscard]] bool is_ours() const { return is_ours_; }
  /// Whether a line with this text comes.
  bool gets(const std::string& text) {
    return eventually([&] {
      std::array<char, 512> buffer{};
      const ssize_t count = ::recv(fd_, buffer.data(), buffer.size(), 0);
      return count > 0 && has({buffer.data(), static_cast<std::size_t>(count)}, text);
    });
  }

 private:
  static constexpr const char* kPath = "/dev/log";
  int fd_;
  bool is_ours_ = false;
};

TEST_CASE("of a killed worker only the claim whose job has a process left is held",
          "[cli][work][supervision]") {
  SystemLog log;
  const Workplace place;
  for (const char* payload : {"stays", "first", "second"}) place.put(payload);
  const Helper helper{place};
  const Running worker{
      without_kill(place.script({"-j3"}, "read -r kind; [ $kind != stays ] || { " + kLeaveHelper +
                                             " }; : > begun.$kind; exec sleep 1000"))};
  REQUIRE(eventually([&] {
    return fs::exists(place / "begun.stays") && fs::exists(place / "begun.first") &&
           fs::exists(place / "begun.second");
  }));
  worker.signal(SIGKILL);
  if (log.is_ours()) {
    CHECK(log.gets("waiting for process " + std::to_string(helper.process()) + " of its job"));
  } else {
    WARN("a system log runs here: what it gets is not looked at");
  }
  std::vector<std::string> taken;
  for (int i = 0; i < 2; ++i) {
    taken.push_back(run_well({"take", place.queue(), "--wait=30s"}));
  }
  std::ranges::sort(taken);
  CHECK(taken == std::vector<std::string>{"first", "second"});
  CHECK(run_well({"reap", place.queue()}).find("stays") == std::string::npos);
  CHECK(place.count("claimed") == 1);
  REQUIRE(is_alive(helper.process()));
  helper.kill();
  CHECK(run_well({"take", place.queue(), "--wait=30s"}) == "stays");
}

TEST_CASE("a job ends when a process that cannot be killed has ended, and the log names it",
          "[cli][work][supervision]") {
  const Workplace place;
  place.put();
  const Helper helper{place};
  Running worker{without_kill(place.logged({"--once"}, kLeaveHelper + "exit 0"))};
  REQUIRE(eventually([&] { return helper.is_there(); }));
  const std::string process = std::to_string(helper.process());
  CHECK(eventually([&] {
    return has(read_file(place / "err"), "waiting for process " + process + " (sleep) of the job");
  }));
  CHECK(place.count("claimed") == 1);
  CHECK(is_alive(helper.process()));
  helper.kill();
  CHECK(worker.wait().exit == 0);
  CHECK(place.count("claimed") == 0);
}

#ifdef SPOOLQ_SANITIZED
constexpr int kEndWithoutProc = 1;  // The leak checker cannot do its work there.
#else
constexpr int kEndWithoutProc = 0;
#endif

TEST_CASE("without /proc what has left the job's group is waited for, and that is said once",
          "[cli][work][supervision]") {
  if (::geteuid() != 0) FAIL("needs root: it runs a worker where there is no /proc");
  const Workplace place;
  place.put_many(2);
  Invocation invocation = place.logged(
      {"--drain"},
      "setsid sh -c ': > left; until [ -e go ]; do sleep 0.05; done; : > outlived' > /dev/null "
      "2>&1 & until [ -e left ]; do sleep 0.01; done");
  invocation.arguments.insert(
      invocation.arguments.begin(),
      {"-m", "sh", "-c", "umount -l /proc && exec \"$@\"", "sh", invocation.program});
  invocation.program = "/usr/bin/unshare";
  Running worker{invocation};
  REQUIRE(eventually([&] { return has(read_file(place / "err"), "cannot read /proc"); }));
  CHECK(place.count("claimed") == 1);
  CHECK_FALSE(fs::exists(place / "outlived"));
  write_file(place / "go", "");
  CHECK(worker.wait().exit == kEndWithoutProc);
  CHECK(fs::exists(place / "outlived"));
  const std::string err = read_file(place / "err");
  CHECK(err.find("cannot read /proc") == err.rfind("cannot read /proc"));
}

TEST_CASE("a supervisor keeps nothing open that others wait for", "[cli][work][supervision]") {
  const Workplace place;
  place.put();
  Running worker{place.script({"--once"}, "echo $$ > pid; exec sleep 1000")};
  REQUIRE(eventually([&] { return read_file(place / "pid").ends_with('\n'); }));
  const long job = std::stol(read_file(place / "pid"));
  const std::string fds = "/proc/" + std::to_string(parent_of(job)) + "/fd";
  // The socket to the worker, the two locks that prove that the message has an owner, the folder
  // where its claim is, and the descriptor that tells of children.
  CHECK(eventually([&] { return names_in(fds).size() == 5; }));
  for (const std::string& fd : names_in(fds)) {
    const std::string file = fs::read_symlink(fds + "/" + fd);
    CAPTURE(fd, file);
    CHECK((has(file, "socket:") || has(file, "signalfd") || has(file, "/consumers") ||
           file.ends_with("/cur")));
  }
}

TEST_CASE("a worker leaves no process behind when it has ended", "[cli][work][supervision]") {
  const Workplace place;
  place.put_many(20);
  place.drain("echo $PPID >> supervisors", {"-j4"});
  const std::vector<std::string> supervisors = lines_of(read_file(place / "supervisors"));
  CHECK(supervisors.size() == 20);
  for (const std::string& process : supervisors) CHECK_FALSE(is_alive(std::stol(process)));
}

}  // namespace
}  // namespace spoolq::test
