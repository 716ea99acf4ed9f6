// work, where a message cannot be finished, or nobody listens: nothing is lost, and the worker ends
// when it is told to.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <string>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65'534;

/// Gives the folder of a workplace to a user whom permissions stop, and makes a worker theirs.
Invocation as_nobody(const Workplace& place, Invocation worker) {
  const fs::path folder = fs::path{place.queue()}.parent_path();
  for (const auto& entry : fs::recursive_directory_iterator{folder}) {
    REQUIRE(::lchown(entry.path().c_str(), kNobody, kNobody) == 0);
  }
  REQUIRE(::chown(folder.c_str(), kNobody, kNobody) == 0);
  const std::string id = std::to_string(kNobody);
  Words words = {"--reuid", id, "--regid", id, "--clear-groups", program_path()};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  worker.arguments = words;
  worker.program = "/usr/bin/setpriv";
  return worker;
}

/// A FIFO that is full and that nobody reads.
class FullPipe {
 public:
  explicit FullPipe(const std::string& path) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    read_ = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    write_ = ::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(read_ >= 0);
    REQUIRE(write_ >= 0);
    const std::string page(4096, '.');
    while (::write(write_, page.data(), page.size()) > 0) {
    }
  }
  FullPipe(const FullPipe&) = delete;
  FullPipe& operator=(const FullPipe&) = delete;
  ~FullPipe() {
    ::close(read_);
    ::close(write_);
  }

 private:
  int read_ = -1;
  int write_ = -1;
};

/// A worker whose standard error is the file or FIFO `err`.
Invocation with_error_output(const Workplace& place, Invocation worker) {
  Words words = {"-c", R"(exec "$0" "$@" 2>"$ERR")", program_path()};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  worker.arguments = words;
  worker.environment["ERR"] = place / "err";
  worker.program = "/bin/sh";
  return worker;
}

std::size_t lines_in(const std::string& path) {
  return fs::exists(path) ? lines_of(read_file(path)).size() : 0;
}

}  // namespace

TEST_CASE("a message whose end cannot be told to the queue is not lost", "[cli][work][trouble]") {
  if (::geteuid() != 0) FAIL("needs root, to become a user whom permissions stop");
  struct Case {
    const char* what;
    Words options;
    const char* script;
  };
  const Case each = GENERATE(
      Case{"to be tried again", {"--backoff=1h"}, "chmod 500 q/later; exit 3"},
      Case{"failed for good", {}, "chmod 500 q/failed; exit 65"},
      Case{"given back", {}, "chmod 500 q/new; exit 127"},
      Case{"kept", {"--on-success=keep"}, "chmod 500 q/done"},
      Case{"removed", {}, "chmod 500 q/cur"},
      Case{"neither tried again nor given back", {}, "chmod 500 q/new q/later q/failed; exit 3"});
  CAPTURE(each.what);
  const Workplace place;
  place.put();
  Words options = {"--once"};
  options.insert(options.end(), each.options.begin(), each.options.end());
  const Outcome outcome = run(as_nobody(place, place.script(options, each.script)));
  CAPTURE(outcome.err);
  CHECK(outcome.exit == 77);
  for (const char* folder : {"new", "cur", "later", "failed", "done"}) {
    REQUIRE(::chmod((place.queue() + "/" + folder).c_str(), 0700) == 0);
  }
  // Its worker is dead, so that whoever comes next takes it back.
  run_well({"reap", place.queue()});
  CHECK(place.count("ready") == 1);
  CHECK(run_well({"take", place.queue()}) == "x");
}

TEST_CASE("a worker without descriptors for its jobs runs none, and loses no message",
          "[cli][work][trouble]") {
  constexpr std::size_t kMessages = 12;
  const Workplace place;
  place.put_many(kMessages);
  Invocation worker =
      place.worker({"-j", "6", "--drain"}, {"sh", "-c", "cat >/dev/null; echo >> ran"});
  // From where it cannot begin at all to where it can nearly do all.
  const std::string limit = GENERATE(as<std::string>{}, "24", "29", "34", "40", "50");
  Words words = {"-c", "ulimit -n " + limit + R"(; exec "$0" "$@")", program_path()};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  worker.arguments = words;
  worker.program = "/bin/sh";
  const Outcome outcome = run(worker);
  CAPTURE(limit, outcome.err);
  run_well({"reap", place.queue()});
  const std::size_t accounted_for = place.count("ready") + lines_in(place / "ran");
#ifdef SPOOLQ_SANITIZED
  // The sanitizer needs a pipe to check a vptr. Without descriptors it takes the vptr for invalid
  // and ends the worker, and a message whose job has run is ready again.
  CHECK(accounted_for >= kMessages);
#else
  CHECK(accounted_for == kMessages);
#endif
}

TEST_CASE("many jobs get descriptors beyond the soft limit, which stays the jobs' own",
          "[cli][work][trouble]") {
  const Workplace place;
  place.put_many(40);
  Invocation worker =
      place.worker({"-j", "30", "--drain", "--quiet"}, {"sh", "-c", "ulimit -Sn >> ran"});
  Words words = {"-c", R"(ulimit -Sn 64; exec "$0" "$@")", program_path()};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  worker.arguments = words;
  worker.program = "/bin/sh";
  CHECK(run(worker).exit == 0);
  const auto limits = lines_of(read_file(place / "ran"));
  CHECK(limits.size() == 40);
  CHECK(std::set<std::string>(limits.begin(), limits.end()) == std::set<std::string>{"64"});
}

TEST_CASE("a worker whose standard error takes nothing ends when it is told to",
          "[cli][work][trouble][signals]") {
  const Workplace place;
  const FullPipe pipe{place / "err"};
  SECTION("by a signal") {
    Running worker{with_error_output(place, place.script({}, "true"))};
    REQUIRE(eventually([&] { return worker.watches(); }));
    worker.signal(SIGTERM);
    CHECK(worker.wait().exit == 0);
  }
  SECTION("by its time") {
    CHECK(run(with_error_output(place, place.script({"--max-time=100ms"}, "true"))).exit == 0);
  }
  SECTION("by a second signal, while a job runs") {
    const std::string id = place.put();
    Running worker{with_error_output(place, place.script({}, "echo > began; sleep 60"))};
    REQUIRE(eventually([&] { return fs::exists(place / "began"); }));
    worker.signal(SIGTERM);
    // The two must not be taken for one.
    ::usleep(500'000);
    worker.signal(SIGTERM);
    CHECK(worker.wait().exit == 128 + SIGTERM);
    CHECK(place.show(id).at("attempts") == 0);
  }
}

TEST_CASE("a finished message that waits for its next queue keeps its claim",
          "[cli][work][trouble]") {
  const Workplace place{{"lease=3s"}};
  const std::string next = place / "next";
  run_well({"init", next, "max_messages=1"});
  run_well({"put", next}, "in the way");
  const std::string id = place.put();
  Running worker{place.script({"--once", "--on-success=mv:" + next}, "echo >> ran")};
  // Each name that the claim has had is an extension of it. Together they take longer than a lease.
  std::set<std::string> names;
  REQUIRE(eventually([&] {
    for (const std::string& name : names_in(place.queue() + "/cur")) names.insert(name);
    return names.size() > 6;
  }));
  run_well({"take", next});
  CHECK(worker.wait().exit == 0);
  CHECK(lines_in(place / "ran") == 1);
  CHECK(run_well({"ls", next, "-q"}) == id);
}

TEST_CASE("a reader behind a socket that goes away makes no failed message",
          "[cli][work][trouble]") {
  const Workplace place{{"max_attempts=1"}};
  const std::string id = place.put();
  write_file(place / "hold", "");
  Invocation worker =
      place.script({}, "echo a; while [ -e hold ]; do sleep 0.05; done; echo b; echo c");
  Words words = {"-c", R"(
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
worker = subprocess.Popen(sys.argv[1:], stdout=theirs)
theirs.close()
ours.recv(2)
ours.close()
os.unlink('hold')
sys.exit(worker.wait())
)",
                 program_path()};
  words.insert(words.end(), worker.arguments.begin(), worker.arguments.end());
  worker.arguments = words;
  worker.program = "/usr/bin/python3";
  CHECK(run(worker).exit == 128 + SIGPIPE);
  CHECK(place.count("ready") == 1);
  CHECK(place.show(id).at("attempts") == 0);
}

TEST_CASE("a job log that nobody reads, or that somebody has locked, keeps no worker waiting",
          "[cli][work][trouble]") {
  const Workplace place;
  place.put();
  const std::string path = place / "log";
  SECTION("a FIFO without a reader is refused before anything is taken") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK(run(place.script({"--once", "--joblog", path}, "true")).exit == 73);
    CHECK(place.count("ready") == 1);
  }
  SECTION("a locked file is written to all the same") {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(::flock(fd, LOCK_EX) == 0);
    CHECK(run(place.script({"--once", "--joblog", path}, "true")).exit == 0);
    CHECK(lines_in(path) == 2);
    ::close(fd);
  }
}

TEST_CASE("a damaged message is not the one of --once", "[cli][work][trouble]") {
  const Workplace place;
  place.put("damaged", {"--priority=0"});
  place.put("whole");
  const std::string first = names_in(place.queue() + "/new").at(0);
  write_file(place.queue() + "/new/" + first, "DAMAGED");
  CHECK(run(place.script({"--once"}, "cat > ran")).exit == 0);
  CHECK(read_file(place / "ran") == "whole");
  CHECK(names_in(place.queue() + "/bad").size() == 1);
}

TEST_CASE("a hangup and one TERM let a job finish", "[cli][work][trouble][signals]") {
  const Workplace place;
  place.put();
  Running worker{
      place.logged({}, "echo > began; while [ ! -e go ]; do sleep 0.05; done; echo > ran")};
  REQUIRE(eventually([&] { return fs::exists(place / "began"); }));
  worker.signal(SIGHUP);
  REQUIRE(eventually([&] { return has(read_file(place / "err"), "SIGHUP"); }));
  worker.signal(SIGTERM);
  REQUIRE(eventually([&] { return has(read_file(place / "err"), "SIGTERM; finishing"); }));
  write_file(place / "go", "");
  CHECK(worker.wait().exit == 0);
  CHECK(fs::exists(place / "ran"));
}

TEST_CASE("who kills all that is called spoolq does not kill the keepers of its jobs",
          "[cli][work][trouble][supervision]") {
  const Workplace place;
  place.put();
  place.drain("cat /proc/$PPID/comm > comm");
  CHECK_FALSE(has(read_file(place / "comm"), "spoolq"));
}

TEST_CASE("a worker that is to end when nothing is ready does not wait for its rate",
          "[cli][work][trouble]") {
  const Workplace place;
  place.put();
  CHECK(run(place.script({"--drain", "--rate=1/h"}, "echo >> ran")).exit == 0);
  CHECK(lines_in(place / "ran") == 1);
}

}  // namespace spoolq::test
