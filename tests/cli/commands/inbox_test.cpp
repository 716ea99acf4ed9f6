// init --inbox: a folder into which programs drop files is new/ of a queue.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "tests/cli/working.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// A folder `in` and a queue `q` that has it as its inbox.
class Inbox {
 public:
  explicit Inbox(const Words& settings = {"settle=50ms"}) {
    fs::create_directory(in());
    Words words = {"init", q(), "--inbox", in(), "backoff=off"};
    words.insert(words.end(), settings.begin(), settings.end());
    run_well(words);
  }

  [[nodiscard]] std::string q() const { return scratch_ / "q"; }
  [[nodiscard]] std::string in() const { return scratch_ / "in"; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return scratch_ / name; }

  /// What a program does that knows nothing of queues.
  void shell(const std::string& command) const {
    const Outcome outcome = run(Invocation{
        .arguments = {"-ec", command}, .directory = scratch_.path(), .program = "/bin/sh"});
    CAPTURE(command, outcome.err);
    REQUIRE(outcome.exit == 0);
  }
  [[nodiscard]] Invocation worker(const std::string& script) const {
    return Invocation{.arguments = {"work", q(), "--quiet", "--", "sh", "-c", script},
                      .directory = scratch_.path()};
  }
  [[nodiscard]] std::string ids(const std::string& state) const {
    return run_well({"ls", q(), "-q", "--state", state});
  }

 private:
  Scratch scratch_;
};

/// Owner, group and mode, which programs that drop files rely on.
std::string permissions_of(const std::string& path) {
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return std::to_string(status.st_uid) + ":" + std::to_string(status.st_gid) + " " +
         std::to_string(status.st_mode & 07777U);
}

/// Ends the test unless it may act as other users.
void require_root() {
  if (::geteuid() != 0) FAIL("needs root, to act as two other users");
}

/// The program, or another one, as another user.
Outcome run_as(int user, const Words& words) {
  const std::string id = std::to_string(user);
  Words all = {"--reuid", id, "--regid", id, "--clear-groups"};
  all.insert(all.end(), words.begin(), words.end());
  return run(Invocation{.arguments = all, .program = "/usr/bin/setpriv"});
}

}  // namespace

TEST_CASE("what cp, mv and a redirection drop into an inbox is worked off", "[cli][inbox]") {
  const Inbox inbox;
  inbox.shell("chmod 1777 in; mkdir elsewhere out");
  const std::string before = permissions_of(inbox.in());
  Running worker{inbox.worker("cat > \"out/$SPOOLQ_NAME\"")};
  REQUIRE(eventually([&] { return worker.watches(); }));
  inbox.shell(
      "echo copied > elsewhere/a; cp elsewhere/a in/copied;"
      "echo moved > elsewhere/b; mv elsewhere/b in/moved;"
      "echo linked > elsewhere/c; ln elsewhere/c in/linked;"
      "echo written > 'in/written here';"
      "echo hidden > in/.hidden; echo part > in/x.part; mkdir in/folder; echo x > in/folder/file");
  CHECK(eventually([&] { return names_in(inbox / "out").size() == 4; }));
  CHECK(eventually([&] { return names_in(inbox / "q/cur").empty(); }));
  worker.signal(SIGTERM);
  CHECK(worker.wait().exit == 0);
  CHECK(read_file(inbox / "out/copied") == "copied\n");
  CHECK(read_file(inbox / "out/moved") == "moved\n");
  CHECK(read_file(inbox / "out/linked") == "linked\n");
  CHECK(read_file(inbox / "out/written here") == "written\n");
  CHECK(names_in(inbox.in()) == Words{"folder", "x.part"});
  CHECK(read_file(inbox / "in/.hidden") == "hidden\n");
  CHECK(read_file(inbox / "in/folder/file") == "x\n");
  CHECK(names_in(inbox / "q/bad").empty());
  CHECK(permissions_of(inbox.in()) == before);
}

TEST_CASE("a file in an inbox is not taken while somebody writes it", "[cli][inbox]") {
  const Inbox inbox;
  Running writer{Invocation{
      .arguments = {"-c", "exec > in/slow; echo first; echo begun >&2; read line; echo last"},
      .directory = inbox / "",
      .program = "/bin/sh"}};
  REQUIRE(eventually([&] { return read_file(inbox / "in/slow") == "first\n"; }));
  Running worker{inbox.worker("cat")};
  // What is dropped later is worked off first, long after the other one has settled.
  inbox.shell("sleep 0.2; echo quick > in/quick");
  CHECK(worker.read_line() == "quick\n");
  CHECK(read_file(inbox / "in/slow") == "first\n");
  writer.write("go on\n");
  CHECK(worker.read_line() == "first\n");
  CHECK(worker.read_line() == "last\n");
}

TEST_CASE("files that were there before are messages, and init again changes nothing",
          "[cli][inbox]") {
  const Scratch scratch;
  fs::create_directory(scratch / "in");
  write_file(scratch / "in/.part", "a file that was there");
  fs::rename(scratch / "in/.part", scratch / "in/1795403405.P10625Q1.vm");
  const auto init = [&](const std::string& folder) {
    const Outcome outcome =
        run(Invocation{.arguments = {"init", "in/.spoolq", "--inbox", folder, "max_attempts=7"},
                       .directory = scratch.path()});
    CHECK(outcome.exit == 0);
    CHECK(outcome.err.empty());
  };
  init("in");
  init("./in/");
  init(scratch / "in");
  CHECK(fs::read_symlink(scratch / "in/.spoolq/new") == scratch / "in");
  const std::string q = scratch / "in/.spoolq";
  const std::string json = run_well({"ls", q, "--json"});
  CHECK(has(json, "\"path\":\"" + q + "/new/1795403405.P10625Q1.vm\""));
  CHECK(has(json, R"("name":"1795403405.P10625Q1.vm")"));
  CHECK(run_well({"take", q}) == "a file that was there");
  CHECK(names_in(scratch / "in").empty());
}

TEST_CASE("every verb works on a queue with an inbox", "[cli][inbox]") {
  const Inbox inbox;
  const std::string q = inbox.q();
  run_well({"init", inbox / "other"});
  inbox.shell("chmod 755 in");
  const std::string before = permissions_of(inbox.in());
  Running watch{Invocation{.arguments = {"watch", q}}};
  REQUIRE(eventually([&] { return watch.sleeps(); }));
  inbox.shell("echo x > .x; mv .x in/report.txt");
  CHECK(has(watch.read_line(), "  put "));
  const std::string id = inbox.ids("ready");
  CHECK(has(run_well({"show", q, id}), "name: report.txt"));
  CHECK(run_well({"cat", q, id}) == "x");
  CHECK(run_well({"peek", q}) == "x");
  CHECK(has(run_well({"stats", q, "--json"}), R"("ready":1)"));
  const auto hold = [&] { return run_well({"take", q, "--hold", "--wait=10s"}).substr(37); };
  run_well({"release", q, hold()});
  // Given back, it is in the folder under a name of ours, which has the old one in it.
  CHECK(names_in(inbox.in()).size() == 1);
  CHECK(has(names_in(inbox.in()).at(0), id + ",A=1,N=report.txt"));
  run_well({"fail", q, hold()});
  CHECK(names_in(inbox.in()).empty());
  run_well({"retry", q, id});
  CHECK(inbox.ids("ready") == id);
  run_well({"pause", q});
  CHECK(run({"take", q}).exit == 69);
  run_well({"resume", q});
  run_well({"mv", q, inbox / "other", id});
  CHECK(names_in(inbox.in()).empty());
  run_well({"mv", inbox / "other", q, id});
  CHECK(inbox.ids("ready") == id);
  Running wait{Invocation{.arguments = {"wait", q, "--empty"}}};
  REQUIRE(eventually([&] { return wait.sleeps(); }));
  run_well({"rm", q, id});
  CHECK(wait.wait().exit == 0);
  run_well({"put", q, "--delay=1h"}, "later");
  run_well({"config", q, "mode=0770"});
  run_well({"reap", q});
  CHECK(permissions_of(q + "/cur") != before);
  CHECK(permissions_of(inbox.in()) == before);
}

TEST_CASE("a folder that cannot be an inbox is refused, and says why", "[cli][inbox]") {
  const Inbox inbox;
  run_well({"init", inbox / "used"});
  run_well({"put", inbox / "used"}, "x");
  inbox.shell("mkdir other; touch file");
  struct Refusal {
    Words words;
    int exit;
    std::string text;
  };
  for (const auto& [words, exit, text] : std::vector<Refusal>{
           {{"init", inbox / "n", "--inbox", inbox / "none"}, 66, "Make it: mkdir "},
           {{"init", inbox / "n", "--inbox", inbox / "file"}, 73, "Not a directory"},
           {{"init", inbox / "n", "--inbox", inbox / "used"}, 73, "it is a queue itself"},
           {{"init", inbox / "n", "--inbox", inbox / "used/failed"}, 73, "a folder of the queue"},
           {{"init", inbox / "n", "--inbox", "/proc"}, 73, "'spoolq adopt /proc " + (inbox / "n'")},
           {{"init", inbox / "used", "--inbox", inbox.in()},
            73,
            "it is the inbox of the queue " + inbox.q()},
           {{"init", inbox / "used", "--inbox", inbox / "other"},
            73,
            "'mv " + (inbox / "used/new/*")},
           {{"init", inbox.q(), "--inbox", inbox / "other"}, 73, "its inbox is " + inbox.in()},
           {{"init", inbox / "n", "--inbox"}, 64, "--inbox"},
           {{"init", inbox / "n", "--inbox", inbox.in(), "settle=x"}, 78, "settle"}}) {
    CAPTURE(words);
    const Outcome outcome = run(words);
    CAPTURE(outcome.err);
    CHECK(outcome.exit == exit);
    CHECK(has(outcome.err, text));
    CHECK_FALSE(fs::exists(inbox / "n"));
  }
  CHECK(fs::read_symlink(inbox.q() + "/new") == inbox.in());
  CHECK(run_well({"take", inbox / "used"}) == "x");
}

TEST_CASE("a queue whose inbox is gone says where it was, and a worker ends with 66",
          "[cli][inbox]") {
  const Inbox inbox;
  Running worker{inbox.worker("cat")};
  REQUIRE(eventually([&] { return worker.watches(); }));
  inbox.shell("rmdir in");
  CHECK(worker.wait().exit == 66);
  const Outcome gone = run({"ls", inbox.q()});
  CHECK(gone.exit == 66);
  CHECK(has(gone.err, "a link to " + inbox.in() + ", where nothing is"));
  inbox.shell("mkdir in; echo x > in/x");
  CHECK(run_well({"take", inbox.q(), "--wait=10s"}) == "x");
}

TEST_CASE("a link that another user has planted in a shared queue is not followed",
          "[cli][inbox]") {
  require_root();
  const Scratch scratch;
  run_well({"init", scratch / "q", "mode=2770"});
  fs::create_directory(scratch / "secrets");
  write_file(scratch / "secrets/1795403405.P10625Q1.vm", "precious");
  fs::remove(scratch / "q/new");
  fs::create_symlink(scratch / "secrets", scratch / "q/new");
  REQUIRE(::lchown((scratch / "q/new").c_str(), 1001, 1001) == 0);
  for (const char* verb : {"take", "ls", "stats", "reap"}) {
    const Outcome outcome = run({verb, scratch / "q"});
    CHECK(outcome.exit == 77);
    CHECK(has(outcome.err, "a link that user 1001 has made"));
  }
  CHECK(run({"init", scratch / "q"}).exit == 77);
  CHECK(names_in(scratch / "secrets").size() == 1);
  // Nor one that the owner of a queue has made to a folder of somebody else.
  REQUIRE(::chown((scratch / "q").c_str(), 1001, 1001) == 0);
  const Outcome outcome = run({"take", scratch / "q"});
  CHECK(outcome.exit == 77);
  CHECK(has(outcome.err, "which is not theirs"));
  CHECK(names_in(scratch / "secrets").size() == 1);
  // What root has linked is good.
  REQUIRE(::lchown((scratch / "q/new").c_str(), 0, 0) == 0);
  CHECK(run_well({"take", scratch / "q"}) == "precious");
}

TEST_CASE("in a sticky inbox others' files are left, reported and not counted", "[cli][inbox]") {
  require_root();
  const Inbox inbox{{"settle=0"}};
  inbox.shell("chown -R 1000 q; chown -h 0 q/new; chmod 1777 in; chmod 755 .");
  // Where this one stands another user may not come.
  fs::copy_file(program_path(), inbox / "spoolq");
  const auto drop = [&](int user, const std::string& name) {
    const std::string command = "echo x > $0/.x; mv $0/.x $0/" + name;
    REQUIRE(run_as(user, {"sh", "-c", command, inbox.in()}).exit == 0);
  };
  drop(1001, "alien");
  drop(1000, "own");
  const Words take = {inbox / "spoolq", "take", inbox.q(), "-n", "10"};
  const Outcome first = run_as(1000, take);
  CHECK(first.exit == 0);
  CHECK(first.out == "x\n");
  const Outcome left = run_as(1000, take);
  CHECK(left.exit == 1);
  CHECK(has(left.err, "alien"));
  CHECK(has(left.err, "Operation not permitted"));
  CHECK(names_in(inbox.in()) == Words{"alien"});
  CHECK(has(run_well({"show", inbox.q(), "@oldest", "--json"}), R"("attempts":0)"));
  // Without the sticky bit, who may write to the folder may take from it.
  inbox.shell("chmod 777 in");
  CHECK(run_as(1000, take).exit == 0);
  CHECK(names_in(inbox.in()).empty());
}

}  // namespace spoolq::test
