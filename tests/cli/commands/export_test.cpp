// export: copies in a tar archive and in a Maildir, as other programs read them.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;
using Words = std::vector<std::string>;

/// A queue with a message in each of the states that are exported, and one that is claimed.
class Exported {
 public:
  Exported() {
    run_well({"init", q(), "keep_done=on"});
    put("failed", {"--header=user=7", "--name=dead letter.txt"});
    run_well({"fail", q(), hold(), "--reason=because"});
    put("claimed");
    hold();
    put("done");
    run_well({"take", q()});
    put("delayed", {"--delay=1h"});
    put("ready", {"--priority=2", "--key=user/7", "--header=trace=abc"});
  }

  [[nodiscard]] std::string q() const { return scratch_ / "q"; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return scratch_ / name; }

  std::string put(const std::string& payload, const Words& options = {}) const {
    Words words = {"put", q()};
    words.insert(words.end(), options.begin(), options.end());
    return run_well(words, payload);
  }
  [[nodiscard]] Words ids(const std::string& states, const std::string& queue = {}) const {
    return lines_of(
        run_well({"ls", queue.empty() ? q() : queue, "-q", "--sort=name", "--state", states}));
  }
  /// Runs another program in the folder; it must end with 0 and without a word. Its output.
  std::string shell(const std::string& command) const {
    const Outcome outcome = run(Invocation{
        .arguments = {"-ec", command}, .directory = scratch_.path(), .program = "/bin/sh"});
    CAPTURE(command, outcome.err);
    REQUIRE(outcome.exit == 0);
    REQUIRE(outcome.err.empty());
    return outcome.out;
  }
  /// The payloads in a Maildir, in the order of the times of put, as Python's mailbox reads them.
  [[nodiscard]] std::string payloads_in(const std::string& maildir) const {
    return shell(R"(python3 -c '
import mailbox, sys
box = mailbox.Maildir(sys.argv[1], create=False)
print(sorted(box.get_bytes(key).decode() for key in box.keys()))
' )" + maildir);
  }

 private:
  std::string hold() const { return run_well({"take", q(), "--hold", "--lease=1h"}).substr(37); }

  Scratch scratch_;
};

/// What is in the folders that are exported.
std::string all_of(const Exported& world) {
  return world.shell("cd q; find new later failed -type f -printf '%P %s\\n' | sort");
}

}  // namespace

TEST_CASE("an archive has what is ready, delayed and failed, as it is in the queue",
          "[cli][export]") {
  const Exported world;
  const std::string before = all_of(world);
  CHECK(run_well({"export", world.q(), "-o", world / "q.tar"}) == "exported 3");
  CHECK(all_of(world) == before);
  // Its own listing, by the real tar, is the folders'.
  CHECK(world.shell("tar -tf q.tar | sort") ==
        world.shell("cd q; find new later failed -type f | sort"));
  const std::string id = world.ids("ready").at(0);
  CHECK(world.shell("tar -xOf q.tar --wildcards 'new/*" + id + "*'") == "ready");
  // The same bytes on standard output.
  CHECK(world.shell("'" + program_path() + "' export q | cmp - q.tar && echo same") == "same\n");
  CHECK(world.shell("stat -c %a q.tar") == "600\n");
}

TEST_CASE("an archive that is extracted into a queue restores the messages", "[cli][export]") {
  const Exported world;
  run_well({"export", world.q(), "-o", world / "q.tar"});
  run_well({"init", world / "restored"});
  world.shell("tar -x --xattrs -f q.tar -C restored");
  for (const char* state : {"ready", "delayed", "failed"}) {
    CAPTURE(state);
    const Words ids = world.ids(state);
    REQUIRE(ids.size() == 1);
    CHECK(world.ids(state, world / "restored") == ids);
    const auto without_path = [&](const std::string& queue) {
      const std::string json = run_well({"show", queue, ids.at(0), "--json"});
      // The age differs from look to look.
      return json.substr(0, json.find("\"age_seconds\"")) +
             json.substr(json.find("\"due_at\""), json.find("\"path\"") - json.find("\"due_at\""));
    };
    CHECK(without_path(world / "restored") == without_path(world.q()));
    CHECK(run_well({"cat", world / "restored", ids.at(0)}) == state);
  }
  CHECK(has(run_well({"show", world / "restored", world.ids("failed").at(0)}), "because"));
  CHECK(run_well({"take", world / "restored"}) == "ready");
}

TEST_CASE("a Maildir has the payloads, and exporting again doubles nothing", "[cli][export]") {
  const Exported world;
  CHECK(run_well({"export", world.q(), "--to=maildir", world / "box"}) == "exported 3");
  CHECK(world.payloads_in("box") == "['delayed', 'failed', 'ready']\n");
  CHECK(names_in(world / "box/tmp").empty());
  // Not in new/ either when a mail reader has been there meanwhile.
  world.shell("mv box/new/*" + world.ids("ready").at(0) +
              "* box/cur/; cd box/cur;"
              "for f in *; do mv $f $f:2,S; done");
  CHECK(run_well({"export", world.q(), "--to=maildir", world / "box"}) == "exported 3");
  CHECK(names_in(world / "box/new").size() == 2);
  CHECK(names_in(world / "box/cur").size() == 1);
  // Its time is that of the put.
  const std::string shown = run_well({"show", world.q(), world.ids("ready").at(0)});
  const std::string time = world.shell("TZ=UTC stat -c %y box/cur/*");
  CHECK(has(shown, "enqueued_at: " + time.substr(0, 10) + "T" + time.substr(11, 12) + "Z"));
}

TEST_CASE("another payload under the name of a copy is another message", "[cli][export]") {
  const Exported world;
  run_well({"export", world.q(), "--state=ready", "--to=maildir", world / "box"});
  const std::string name = names_in(world / "box/new").at(0);
  write_file(world / ("box/new/" + name), "of somebody else");
  run_well({"export", world.q(), "--state=ready", "--to=maildir", world / "box"});
  run_well({"export", world.q(), "--state=ready", "--to=maildir", world / "box"});
  CHECK(world.payloads_in("box") == "['of somebody else', 'ready']\n");
}

TEST_CASE("what an export has left behind that died before it removed is removed by the next",
          "[cli][export]") {
  const Exported world;
  // As it is between the two.
  run_well({"export", world.q(), "--to=maildir", world / "box"});
  CHECK(run_well({"export", world.q(), "--move", "--to=maildir", world / "box"}) == "exported 3");
  CHECK(world.payloads_in("box") == "['delayed', 'failed', 'ready']\n");
  CHECK(world.ids("ready,delayed,failed").empty());
}

TEST_CASE("what moves while it is exported is exported whole, or not at all", "[cli][export]") {
  const Exported world;
  // More than fits into the pipe, so the export waits in the middle of it for its reader.
  const std::string large(std::size_t{1} << 20, 'x');
  run_well({"purge", world.q(), "--all", "--force"});
  const std::string first = world.put(large, {"--priority=0"});
  const std::string second = world.put("second");
  const std::string third = world.put("third");
  Running program{Invocation{.arguments = {"export", world.q()}}};
  const std::string begin = program.read_line();
  CHECK(run_well({"take", world.q()}) == large);
  run_well({"take", world.q(), "--hold"});
  const Outcome outcome = program.wait();
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.err, second + ": left out: it has moved on"));
  write_file(world / "q.tar", begin + outcome.out);
  const std::string list = world.shell("tar -tf q.tar");
  CHECK(lines_of(list).size() == 2);
  CHECK(has(list, third));
  CHECK(world.shell("tar -xOf q.tar --wildcards '*" + first + "*'") == large);
}

TEST_CASE("an export that moves removes what was exported, and nothing else", "[cli][export]") {
  const auto kind = GENERATE(as<std::string>{}, "maildir", "file", "standard output");
  CAPTURE(kind);
  const Exported world;
  if (kind == "maildir") {
    CHECK(run_well({"export", world.q(), "--move", "--to=maildir", world / "box"}) == "exported 3");
    CHECK(world.payloads_in("box") == "['delayed', 'failed', 'ready']\n");
  } else if (kind == "file") {
    CHECK(run_well({"export", world.q(), "--move", "-o", world / "q.tar"}) == "exported 3");
  } else {
    CHECK(run(Invocation{.arguments = {"export", world.q(), "--move"},
                         .output_file = world / "q.tar"})
              .exit == 0);
  }
  if (kind != "maildir") CHECK(lines_of(world.shell("tar -tf q.tar")).size() == 3);
  CHECK(world.ids("ready,delayed,failed").empty());
  CHECK(world.ids("claimed,done").size() == 2);
}

TEST_CASE("options such as --state and --key choose what is exported", "[cli][export]") {
  const Exported world;
  const auto names = [&](const Words& options) {
    Words words = {"export", world.q(), "-o", world / "some.tar"};
    words.insert(words.end(), options.begin(), options.end());
    run_well(words);
    const std::string list = world.shell("tar -tf some.tar; rm some.tar");
    return list;
  };
  CHECK(names({"--state=failed"}).starts_with("failed/"));
  CHECK(names({"--state=done"}).starts_with("done/"));
  CHECK(lines_of(names({"--state=ready,delayed"})).size() == 2);
  CHECK(names({"--key=user/7"}).starts_with("new/2."));
  const Outcome none = run({"export", world.q(), "--key=none", "-o", world / "none.tar"});
  CHECK(none.exit == 1);
  CHECK_FALSE(fs::exists(world / "none.tar"));
}

TEST_CASE("files of other programs are exported when they are whole", "[cli][export]") {
  const Scratch scratch;
  run_well({"init", scratch / "q", "settle=0"});
  write_file(scratch / "q/new/report 1.txt", "whole");
  Running writer{Invocation{.arguments = {"-c", "exec > q/new/slow; echo first; read line"},
                            .directory = scratch.path(),
                            .program = "/bin/sh"}};
  REQUIRE(eventually([&] { return read_file(scratch / "q/new/slow") == "first\n"; }));
  const Outcome outcome = run({"export", scratch / "q", "--move", "-o", scratch / "q.tar"});
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "exported 1\n");
  CHECK(has(outcome.err, "still being written"));
  CHECK(names_in(scratch / "q/new") == Words{"slow"});
  const Outcome list =
      run(Invocation{.arguments = {"-tf", scratch / "q.tar"}, .program = "/usr/bin/tar"});
  CHECK(list.out == "new/report 1.txt\n");
}

TEST_CASE("a damaged message is reported, and the others are exported", "[cli][export]") {
  const Exported world;
  const std::string id = world.ids("ready").at(0);
  world.shell("for f in q/new/*" + id + "*; do printf damage > \"$f\"; done");
  for (const Words& where : {Words{"-o", world / "q.tar"}, {"--to=maildir", world / "box"}}) {
    Words words = {"export", world.q(), "--move"};
    words.insert(words.end(), where.begin(), where.end());
    const Outcome outcome = run(words);
    CHECK(outcome.exit == 65);
    CHECK(has(outcome.err, id));
    CHECK(world.ids("ready").size() == 1);
    CHECK(outcome.out == (where.at(0) == "-o" ? "exported 2\n" : "exported 0\n"));
  }
  CHECK_FALSE(has(world.shell("tar -tf q.tar"), "new/"));
  CHECK(names_in(world / "box/tmp").empty());
  CHECK(names_in(world / "box/new").empty());
}

TEST_CASE("nothing is overwritten, and what cannot be is refused before anything is read",
          "[cli][export]") {
  const Exported world;
  write_file(world / "there.tar", "precious");
  struct Refusal {
    Words words;
    int exit;
    std::string text;
  };
  for (const auto& [words, exit, text] :
       std::vector<Refusal>{{{"-o", world / "there.tar"}, 73, "File exists"},
                            {{"-o", world / "none/x.tar"}, 73, "No such file"},
                            {{"--to=maildir", world / "there.tar"}, 73, "Not a directory"},
                            {{"--to=maildir", world.q()}, 73, "is a queue"},
                            {{"--to=maildir"}, 64, "needs DIR"},
                            {{"--to=tar", world / "box"}, 64, "--to=maildir"},
                            {{"--to=maildir", world / "box", "-o", "x"}, 64, "-o is for"},
                            {{"--to=zip"}, 65, "not one of tar, maildir"},
                            {{"--state=claimed"}, 65, "not exported"},
                            {{"--move"}, 64, "-o FILE"}}) {
    Words all = {"export", world.q()};
    all.insert(all.end(), words.begin(), words.end());
    CAPTURE(all);
    const Outcome outcome = run(all);
    CHECK(outcome.exit == exit);
    CHECK(has(outcome.err, text));
    CHECK(outcome.out.empty());
  }
  CHECK(read_file(world / "there.tar") == "precious");
  CHECK(world.ids("ready,delayed,failed").size() == 3);
  const Outcome terminal = run(Invocation{.arguments = {"export", world.q()}, .on_terminal = true});
  CHECK(terminal.exit == 64);
  CHECK(has(terminal.out, "not for a terminal"));
}

TEST_CASE("an archive that cannot be written whole leaves no file, and all messages",
          "[cli][export]") {
  const Exported world;
  const Outcome full =
      run(Invocation{.arguments = {"export", world.q()}, .output_file = "/dev/full"});
  CHECK(full.exit == 74);
  CHECK(has(full.err, "No space left"));
  // A file may not become larger than 4 KiB.
  const Outcome limited = run(Invocation{
      .arguments = {"-c", "ulimit -f 8; exec \"$0\" export q --move -o q.tar", program_path()},
      .directory = world / "",
      .program = "/bin/sh"});
  CHECK(limited.exit == 74);
  CHECK_FALSE(fs::exists(world / "q.tar"));
  CHECK(world.shell("ls -A") == "q\n");
  CHECK(world.ids("ready,delayed,failed").size() == 3);
  const Outcome gone = run(Invocation{.arguments = {"export", world.q()}, .reader_gone = true});
  CHECK(gone.exit == 141);
}

}  // namespace spoolq::test
