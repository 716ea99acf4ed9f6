// adopt: which files become messages in one pass, and what is said of the others.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/cli/commands/adopting.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

TEST_CASE("adopt makes a message of each file and prints its id and name", "[cli][adopt]") {
  const Inbox inbox;
  inbox.drop_old("a.txt", "first");
  inbox.drop_old("b c\n.txt", "second");
  const Outcome outcome = inbox.adopt();
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].substr(36) == "\ta.txt");
  CHECK(lines[1].substr(36) == "\tb c\\x0a.txt");
  CHECK(has(run_well({"ls", inbox.queue(), "-q"}), lines[0].substr(0, 36)));
  CHECK(inbox.left().empty());
  CHECK(inbox.drain() == Messages{{"a.txt", "first"}, {"b c\n.txt", "second"}});
  CHECK(inbox.adopt().out.empty());
}

TEST_CASE("a dry run says what would become of each file and changes nothing", "[cli][adopt]") {
  const Inbox inbox;
  run_well({"config", inbox.queue(), "max_size=10"});
  inbox.drop_old("whole", "whole");
  inbox.drop_old("large", "more than ten bytes");
  inbox.drop_old("empty", "");
  inbox.drop_old(".hidden", "x");
  inbox.drop_old("x.part", "x");
  fs::create_directory(inbox / "folder");
  fs::create_symlink("/etc/passwd", inbox / "link");
  REQUIRE(::mkfifo((inbox / "fifo").c_str(), 0600) == 0);
  Writer writer{inbox / "written"};
  writer.write("some");
  const auto before =
      run(Invocation{.arguments = {"-lRA", "--time-style=full-iso", inbox.folder(), inbox.queue()},
                     .program = "/bin/ls"});
  const Messages verdicts = inbox.verdicts({"--settle=0"});
  CHECK(verdicts == Messages{{"whole", "take: no process has it open for writing"},
                             {"large", "reject: larger than max_size"},
                             {"empty", "wait: empty: it may be filled later"},
                             {".hidden", "ignore: a temporary name"},
                             {"x.part", "ignore: a temporary name"},
                             {"folder", "ignore: a folder"},
                             {"link", "reject: not a regular file: a symbolic link"},
                             {"fifo", "reject: not a regular file: a FIFO"},
                             {"written", "wait: a process has it open for writing"}});
  const auto after =
      run(Invocation{.arguments = {"-lRA", "--time-style=full-iso", inbox.folder(), inbox.queue()},
                     .program = "/bin/ls"});
  CHECK(after.out == before.out);
}

TEST_CASE("a dry run over a folder that is kept tells what was taken", "[cli][adopt]") {
  const Inbox inbox;
  inbox.drop_old("a", "first");
  CHECK(inbox.adopt({"--keep"}).exit == 0);
  inbox.drop_old("b", "second");
  const Messages verdicts = inbox.verdicts({"--keep", "--settle=0"});
  CHECK(verdicts.at("a") == "ignore: taken before");
  CHECK(verdicts.at("b") == "take: no process has it open for writing");
}

TEST_CASE("what will never be a message goes to .rejected with its reason", "[cli][adopt]") {
  const Inbox inbox;
  run_well({"config", inbox.queue(), "max_size=10"});
  const std::string longest(255, 'n');
  for (int round = 0; round < 2; ++round) {
    inbox.drop_old(longest, "more than ten bytes");
    fs::create_symlink("/etc/passwd", inbox / "link");
    inbox.drop_old("good", "good");
    const Outcome outcome = inbox.adopt({"--settle=0"});
    CHECK(outcome.exit == 65);
    CHECK(has(outcome.err, "rejected link: not a regular file: a symbolic link"));
    CHECK(has(outcome.out, "\tgood\n"));
    CHECK(inbox.left().empty());
  }
  const auto rejected = names_in(inbox / ".rejected");
  CHECK(rejected.size() == 8);  // Two of each, none overwritten, each with its reason.
  CHECK(fs::is_symlink(inbox / ".rejected/link"));
  CHECK(has(read_file(inbox / ".rejected/link.reason"), "symbolic link"));
  const std::string cut = longest.substr(0, 248);
  CHECK(read_file(inbox / (".rejected/" + cut)) == "more than ten bytes");
  CHECK(has(read_file(inbox / (".rejected/" + cut + ".reason")), "max_size"));
}

TEST_CASE("a link in the place of .rejected is not followed", "[cli][adopt]") {
  const Inbox inbox;
  fs::create_directory(inbox.outside("elsewhere"));
  fs::create_symlink(inbox.outside("elsewhere"), inbox / ".rejected");
  fs::create_symlink("/etc/passwd", inbox / "link");
  const Outcome outcome = inbox.adopt();
  CHECK(outcome.exit != 0);
  CHECK(has(outcome.err, "cannot be moved to .rejected/"));
  CHECK(names_in(inbox.outside("elsewhere")).empty());
  CHECK(fs::is_symlink(inbox / "link"));
}

TEST_CASE("a file that is kept is taken once, and again when it was changed", "[cli][adopt]") {
  const Inbox inbox;
  inbox.drop_old("a", "first");
  CHECK(lines_of(inbox.adopt({"--keep"}).out).size() == 1);
  CHECK(inbox.adopt({"--keep"}).out.empty());
  CHECK(inbox.drain() == Messages{{"a", "first"}});
  CHECK(inbox.adopt({"--keep"}).out.empty());
  CHECK(inbox.left() == std::vector<std::string>{"a"});
  inbox.drop_old("a", "changed");
  CHECK(lines_of(inbox.adopt({"--keep"}).out).size() == 1);
  CHECK(inbox.drain() == Messages{{"a", "changed"}});
}

TEST_CASE("each rule takes what it says, and leaves a file that is being written", "[cli][adopt]") {
  struct Row {
    std::string rule;
    bool takes_old;
    bool takes_written;
  };
  for (const Row& row : std::vector<Row>{{"auto", true, false},
                                         {"rename", true, false},
                                         {"close", true, false},
                                         {"stable", true, true},
                                         {"marker", false, false},
                                         {"lease", true, false}}) {
    CAPTURE(row.rule);
    const Inbox inbox;
    const Writer writer{inbox / "written"};
    writer.write("the beginning");
    inbox.drop_old("old", "old");
    std::vector<std::string> options = {"--done=" + row.rule};
    if (row.rule == "stable") options.emplace_back("--settle=10ms");
    const Outcome outcome = inbox.adopt(options);
    CHECK(outcome.exit == 0);
    CHECK(has(outcome.out, "\told\n") == row.takes_old);
    CHECK(has(outcome.out, "\twritten\n") == row.takes_written);
    CHECK(has(outcome.err, "left written: ") == !row.takes_written);
  }
}

TEST_CASE("a marker vouches for its file and goes with it", "[cli][adopt]") {
  const Inbox inbox;
  Writer writer{inbox / "a"};  // It says so itself when it is complete.
  writer.write("whole");
  CHECK(inbox.verdicts({"--done=marker"}).at("a") == "wait: no marker: a.done or a.ok");
  const std::string marker = GENERATE("a.done", "a.ok");
  inbox.drop_old(marker, "");
  inbox.drop_old("b.done", "");
  CHECK(has(inbox.adopt({"--done=marker"}).out, "\ta\n"));
  CHECK(inbox.left() == std::vector<std::string>{"b.done"});
  inbox.drop_old("a", "the next one, and only its beg");
  CHECK(inbox.adopt({"--done=marker"}).out.empty());
  CHECK(inbox.drain() == Messages{{"a", "whole"}});
}

TEST_CASE("a marker that is kept does not vouch for a later version", "[cli][adopt]") {
  const Inbox inbox;
  inbox.drop_old("a", "whole");
  inbox.drop_old("a.done", "");
  CHECK(has(inbox.adopt({"--done=marker", "--keep"}).out, "\ta\n"));
  REQUIRE(eventually([&] {
    // Another time than the marker's, however coarse the clock of the file system is.
    inbox.drop_old("a", "the next ver");
    return fs::last_write_time(inbox / "a") > fs::last_write_time(inbox / "a.done");
  }));
  CHECK(inbox.adopt({"--done=marker", "--keep"}).out.empty());
  inbox.drop_old("a", "the next version");
  inbox.drop_old("a.done", "");
  CHECK(has(inbox.adopt({"--done=marker", "--keep"}).out, "\ta\n"));
}

TEST_CASE("no marker outlives its file, whatever became of that", "[cli][adopt]") {
  const Inbox inbox;
  run_well({"config", inbox.queue(), "max_size=10"});
  for (const std::string name : {"a", "large"}) {
    inbox.drop_old(name, name == "a" ? "whole" : "more than ten bytes");
    inbox.drop_old(name + ".done", "");
    inbox.drop_old(name + ".ok", "");
  }
  CHECK(inbox.adopt({"--done=marker", "--keep"}).exit == 65);
  CHECK(inbox.left().size() == 6);
  // Taken before: nothing is left to do but to remove.
  CHECK(inbox.adopt({"--done=marker"}).exit == 65);
  CHECK(inbox.left().empty());
  CHECK(inbox.drain() == Messages{{"a", "whole"}});
}

TEST_CASE("what has a marker is a file, also when it is called as one", "[cli][adopt]") {
  const Inbox inbox;
  inbox.drop_old("a", "A");
  inbox.drop_old("a.done", "B");
  inbox.drop_old("a.done.done", "");
  CHECK(inbox.adopt({"--done=marker"}).exit == 0);
  CHECK(inbox.left() == std::vector<std::string>{"a"});
  CHECK(inbox.drain() == Messages{{"a.done", "B"}});
}

TEST_CASE("a single pass takes what settles while it works, and does not wait for what will not",
          "[cli][adopt]") {
  const Inbox inbox;
  constexpr int kMany = 200;
  for (int i = 0; i < kMany; ++i) inbox.drop_old("f" + std::to_string(i), "x");
  CHECK(inbox.adopt({"--settle=1h"}).out.empty());
  CHECK(inbox.left().size() == kMany);
  CHECK(lines_of(inbox.adopt({"--settle=100ms"}).out).size() == kMany);
}

TEST_CASE("a file that has another name keeps its mode", "[cli][adopt]") {
  const Inbox inbox;
  write_file(inbox.outside("archive"), "x");
  fs::permissions(inbox.outside("archive"), fs::perms{0664});
  fs::create_hard_link(inbox.outside("archive"), inbox / "linked");
  CHECK(inbox.adopt().exit == 0);
  CHECK(fs::status(inbox.outside("archive")).permissions() == fs::perms{0664});
}

TEST_CASE("a file is not removed as taken because it looks like one that was", "[cli][adopt]") {
  const Inbox inbox;
  const auto drop = [&](const std::string& content) {
    // In place, so that the inode stays; of one size; and as old.
    inbox.drop_old("a", content);
    const struct timespec times[] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (inbox / "a").c_str(), times, 0) == 0);
  };
  drop("first");
  CHECK(lines_of(inbox.adopt({"--keep", "--settle=0"}).out).size() == 1);
  CHECK(inbox.drain() == Messages{{"a", "first"}});
  drop("other");
  CHECK(inbox.verdicts({"--settle=0"}).at("a") == "take: taken before: it is only removed");
  CHECK(lines_of(inbox.adopt({"--settle=0"}).out).size() == 1);
  CHECK(inbox.drain() == Messages{{"a", "other"}});
  CHECK(inbox.left().empty());
}

TEST_CASE("a file of another user keeps its mode, also when root takes it", "[cli][adopt]") {
  if (::geteuid() != 0) FAIL("needs root, to make a file of another user");
  const Inbox inbox;
  inbox.drop_old("theirs", "x");
  REQUIRE(::chmod((inbox / "theirs").c_str(), 0644) == 0);
  REQUIRE(::chown((inbox / "theirs").c_str(), 2, 2) == 0);
  inbox.drop_old("ours", "x");
  CHECK(lines_of(inbox.adopt({"--settle=0"}).out).size() == 2);
  std::map<std::string, mode_t> modes;
  for (const std::string& name : names_in(inbox.queue() + "/new")) {
    struct stat status = {};
    REQUIRE(::stat((inbox.queue() + "/new/" + name).c_str(), &status) == 0);
    modes[name.substr(name.rfind('=') + 1)] = status.st_mode & 0777;
  }
  CHECK(modes == std::map<std::string, mode_t>{{"ours", 0600}, {"theirs", 0644}});
}

TEST_CASE("a link of another user's file says nothing", "[cli][adopt][users]") {
  if (::geteuid() != 0) FAIL("needs root: it makes a file of another user");
  const Inbox inbox;
  constexpr uid_t kNobody = 65534;
  constexpr uid_t kWriter = 61'237;
  fs::permissions(fs::path{inbox.folder()}.parent_path(), fs::perms{0755});
  REQUIRE(::chown(inbox.folder().c_str(), kNobody, kNobody) == 0);
  inbox.drop_old("upload", "half");
  REQUIRE(::chown((inbox / "upload").c_str(), kWriter, kWriter) == 0);
  fs::permissions(inbox / "upload", fs::perms{0644});
  fs::create_hard_link(inbox / "upload", inbox.outside("backup"));
  const std::string queue = inbox.outside("nobody/q");
  fs::create_directory(inbox.outside("nobody"));
  REQUIRE(::chown(inbox.outside("nobody").c_str(), kNobody, kNobody) == 0);
  const auto as_nobody = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"--reuid=65534", "--regid=65534", "--clear-groups", program_path()});
    return run(Invocation{.arguments = std::move(arguments), .program = "/usr/bin/setpriv"});
  };
  REQUIRE(as_nobody({"init", queue, "settle=1h"}).exit == 0);
  run_well({"config", inbox.queue(), "settle=1h"});
  for (const std::string rule : {"--done=auto", "--done=rename"}) {
    CAPTURE(rule);
    const Outcome outcome = as_nobody({"adopt", inbox.folder(), queue, "--dry-run", rule});
    CHECK(has(outcome.out, "not left alone for 10h yet"));
    // The kernel answers root.
    CHECK(inbox.verdicts({rule}).at("upload") == "take: it has a second link");
  }
}

TEST_CASE("all who may use a queue may copy files into it", "[cli][adopt]") {
  const Inbox inbox;
  run_well({"config", inbox.queue(), "mode=2770"});
  inbox.drop_old("a", "x");
  CHECK(lines_of(inbox.adopt({"--keep", "--settle=0"}).out).size() == 1);
  const std::string intake = inbox.queue() + "/intake";
  const std::string folder = intake + "/" + names_in(intake).at(0);
  const auto mode_of = [](const std::string& path) {
    struct stat status = {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    return status.st_mode & 07777;
  };
  CHECK(mode_of(intake) == 02770);
  CHECK(mode_of(folder) == 02770);
  CHECK(mode_of(folder + "/journal") == 0660);
}

TEST_CASE("a folder of another queue is not adopted", "[cli][adopt]") {
  const Inbox inbox;
  const std::string other = inbox.outside("other");
  run_well({"init", other});
  run_well({"put", other}, "x");
  for (const std::string& folder : {other, other + "/new", other + "/cur"}) {
    const Outcome outcome = run({"adopt", folder, inbox.queue()});
    CHECK(outcome.exit == 65);
    CHECK(has(outcome.err, "spoolq mv"));
  }
  CHECK(names_in(other + "/new").size() == 1);
  const std::string third = inbox.outside("third");
  run_well({"init", third, "--inbox", inbox.folder()});
  const Outcome outcome = run({"adopt", inbox.folder(), inbox.queue()});
  CHECK(outcome.exit == 65);
  CHECK(has(outcome.err, "it is the inbox of the queue " + third));
}

TEST_CASE("wrong use of adopt is named", "[cli][adopt]") {
  const Inbox inbox;
  inbox.drop_old("file", "x");
  struct Row {
    std::vector<std::string> arguments;
    int exit;
    std::string text;
  };
  for (const Row& row : std::vector<Row>{
           {{"adopt", inbox.outside("none"), inbox.queue()}, 66, "no folder at "},
           {{"adopt", inbox / "file", inbox.queue()}, 66, "is no folder; `spoolq put` takes files"},
           {{"adopt", inbox.folder(), inbox.outside("none")}, 66, "spoolq init"},
           {{"adopt", inbox.queue(), inbox.queue()}, 65, "it is a queue; 'spoolq mv'"},
           {{"adopt", inbox.queue() + "/new", inbox.queue()}, 65, "it is new/ of this queue"},
           {{"adopt", inbox.folder(), inbox.queue(), "--follow", "--dry-run"}, 64, "exclude"},
           {{"adopt", inbox.folder(), inbox.queue(), "--done=marker", "--settle=1s"},
            64,
            "no meaning with --done=marker"}}) {
    CAPTURE(row.arguments);
    const Outcome outcome = run(row.arguments);
    CHECK(outcome.exit == row.exit);
    CHECK(has(outcome.err, row.text));
    CHECK(outcome.out.empty());
  }
  CHECK(inbox.left() == std::vector<std::string>{"file"});
  CHECK(inbox.ready() == 0);
}

TEST_CASE("another process that copies from the folder is not joined", "[cli][adopt]") {
  const Inbox inbox;
  Follower follower{inbox, {"--keep"}};
  const Outcome outcome = inbox.adopt({"--keep"});
  CHECK(outcome.exit == 75);
  CHECK(has(outcome.err, "another process copies files from there"));
  CHECK(follower.stop().exit == 0);
}

TEST_CASE("a file that may not be read is left, reported once, and taken when it may",
          "[cli][adopt][users]") {
  if (::geteuid() != 0) FAIL("needs root: it makes files of two users");
  const Inbox inbox;
  constexpr uid_t kNobody = 65534;
  fs::permissions(fs::path{inbox.folder()}.parent_path(), fs::perms{0755});
  REQUIRE(::chown(inbox.folder().c_str(), kNobody, kNobody) == 0);
  inbox.drop_old("secret", "secret");
  fs::permissions(inbox / "secret", fs::perms{0600});
  inbox.drop_old("open", "open");
  REQUIRE(::chown((inbox / "open").c_str(), kNobody, kNobody) == 0);
  const std::string queue = inbox.outside("nobody/q");
  fs::create_directory(inbox.outside("nobody"));
  REQUIRE(::chown(inbox.outside("nobody").c_str(), kNobody, kNobody) == 0);
  const auto as_nobody = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(),
                     {"--reuid=65534", "--regid=65534", "--clear-groups", program_path()});
    return run(Invocation{.arguments = std::move(arguments), .program = "/usr/bin/setpriv"});
  };
  REQUIRE(as_nobody({"init", queue}).exit == 0);
  const Outcome outcome = as_nobody({"adopt", inbox.folder(), queue, "--settle=0"});
  CAPTURE(outcome.err);
  CHECK(outcome.exit == 77);
  CHECK(has(outcome.out, "\topen\n"));
  CHECK(has(outcome.err, "left secret: "));
  CHECK(inbox.left() == std::vector<std::string>{"secret"});
  fs::permissions(inbox / "secret", fs::perms{0644});
  CHECK(has(as_nobody({"adopt", inbox.folder(), queue, "--settle=0"}).out, "\tsecret\n"));
}

}  // namespace spoolq::test
