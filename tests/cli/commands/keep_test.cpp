// init, config, retry, rm, reap, version.
#include <csignal>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

std::string new_queue(const Scratch& scratch) {
  run_well({"init", scratch / "q"});
  return scratch / "q";
}

std::string put_failed(const std::string& q, const std::string& payload) {
  run_well({"put", q}, payload);
  const std::string held = run_well({"take", q, "--hold"});
  run_well({"fail", q, held.substr(37), "--reason=because"});
  return held.substr(0, 36);
}

TEST_CASE("init makes a queue, parents too, and again changes nothing", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = scratch / "deep/down/q";
  run_well({"init", q, "max_attempts=3"});
  run_well({"put", q}, "x");
  run_well({"init", q});
  CHECK(run_well({"take", q}) == "x");
  CHECK(has(run_well({"config", q}), "max_attempts=3\n"));
}

TEST_CASE("init with a setting that cannot be makes nothing", "[cli][keep]") {
  const Scratch scratch;
  CHECK(run({"init", scratch / "q", "max_attempts=none"}).exit == 78);
  CHECK(run({"init", scratch / "q", "no_such=1"}).exit == 78);
  CHECK(run({"init", scratch / "q", "max_attempts"}).exit == 64);
  CHECK_FALSE(std::filesystem::exists(scratch / "q"));
}

TEST_CASE("init where no folder can be is 73", "[cli][keep]") {
  const Scratch scratch;
  write_file(scratch / "file", "");
  CHECK(run({"init", scratch / "file"}).exit == 73);
  CHECK(run({"init", scratch / "file/q"}).exit == 73);
}

TEST_CASE("config prints what is asked for", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  CHECK(run_well({"config", q, "max_attempts"}) == "5");
  CHECK(run_well({"config", q, "max_attempts=7", "max_attempts", "order"}) == "7\nrelaxed");
  const Outcome unknown = run({"config", q, "no_such"});
  CHECK(unknown.exit == 78);
  CHECK(has(unknown.err, "no setting 'no_such'"));
  CHECK(run({"config", q, "order", "--json"}).exit == 64);
}

TEST_CASE("config sets all or nothing", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"config", q, "max_attempts=7", "keep_done=2d"});
  const std::string settings = run_well({"config", q});
  CHECK(has(settings, "max_attempts=7\n"));
  CHECK(has(settings, "keep_done=2d\n"));
  CHECK(run({"config", q, "max_attempts=8", "keep_done=perhaps"}).exit == 78);
  CHECK(run({"config", q, "max_attempts=8", "no_such=1"}).exit == 78);
  CHECK(run_well({"config", q}) == settings);
  CHECK(has(run_well({"config", q, "--json"}), R"("max_attempts":"7")"));
}

TEST_CASE("retry gives a failed message its attempts back and forgets the reason", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = put_failed(q, "x");
  run_well({"retry", q, id.substr(28)});
  const std::string json = run_well({"show", q, id, "--json"});
  CHECK(has(json, R"("state":"ready")"));
  CHECK(has(json, R"("attempts":0)"));
  CHECK(has(json, R"("reason":null)"));
}

TEST_CASE("retry of a message that has not failed says in which state it is", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"config", q, "keep_done=on"});
  const std::string held = run_well({"put", q}, "held");
  run_well({"take", q, "--hold"});
  const std::string done = run_well({"put", q}, "done");
  run_well({"take", q});
  const std::string failed = put_failed(q, "failed");
  const std::string ready = run_well({"put", q}, "ready");
  const std::string delayed = run_well({"put", q, "--delay=1h"}, "delayed");
  for (const auto& [id, words] : std::vector<std::pair<std::string, std::string>>{
           {ready, "not failed, but ready: "},
           {held, "not failed, but claimed until 2"},
           {delayed, "not failed, but delayed until 2"},
           {done, "not failed, but done"}}) {
    CAPTURE(words);
    const Outcome outcome = run({"retry", q, id.substr(28)});
    CHECK(outcome.exit == 66);
    CHECK(has(outcome.err, id + ": " + words));
  }
  CHECK(has(run({"retry", q, "zzzzzzzz"}).err, "no such message"));
  CHECK(run({"retry", q, ready, failed}).exit == 66);
  CHECK(lines_of(run_well({"ls", q, "-q", "--state=ready"})).size() == 2);
}

TEST_CASE("retry --all takes all that failed, and is 1 when nothing did", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  put_failed(q, "a");
  put_failed(q, "b");
  run_well({"kick", q, "--all"});
  CHECK(lines_of(run_well({"ls", q, "-q", "--state=ready"})).size() == 2);
  CHECK(run({"retry", q, "--all"}).exit == 1);
  CHECK(run({"retry", q}).exit == 64);
  CHECK(run({"retry", q, "--all", "abcd"}).exit == 64);
}

TEST_CASE("rm removes what it is told, reports the rest and goes on", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string a = run_well({"put", q}, "a");
  const std::string b = run_well({"put", q, "--delay", "1h"}, "b");
  const Outcome outcome = run({"rm", q, a, "zzzzzzzz", b});
  CHECK(outcome.exit == 66);
  CHECK(has(outcome.err, "zzzzzzzz"));
  CHECK(run_well({"ls", q}).empty());
}

TEST_CASE("rm refuses a claimed message without --force", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const std::string id = run_well({"put", q}, "a");
  run_well({"take", q, "--hold"});
  const Outcome outcome = run({"rm", q, id});
  CHECK(outcome.exit == 72);
  CHECK(has(outcome.err, "--force"));
  CHECK(run_well({"cat", q, id}) == "a");
  run_well({"rm", q, id, "--force"});
  CHECK(run_well({"ls", q}).empty());
}

TEST_CASE("reap takes back what a dead consumer had and tells it", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q}, std::string(1 << 20, 'x'));
  {
    Running take{Invocation{.arguments = {"take", q}}};
    REQUIRE(eventually([&] { return names_in(q + "/cur").size() == 1; }));
    take.signal(SIGKILL);
    take.wait();
  }
  CHECK(run_well({"reap", q}) == "returned 1, failed 0, due 0, swept 0, pruned 0");
  const std::string json = run_well({"reap", q, "--json"});
  for (const std::string field : {"returned", "failed", "due", "swept", "pruned"}) {
    CHECK(has(json, "\"" + field + "\":0"));
  }
  CHECK(run_well({"ls", q, "--state=ready", "-q"}).size() == 36);
}

TEST_CASE("reap moves what is due", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--delay=1ms"}, "x");
  CHECK(eventually([&] {
    run_well({"reap", q});
    return names_in(q + "/new").size() == 1;
  }));
}

TEST_CASE("version tells the version", "[cli][keep]") {
  CHECK(run_well({"version"}).starts_with("spoolq "));
  CHECK(run_well({"--version"}) == run_well({"version"}));
  CHECK(has(run_well({"version", "--json"}), R"("version":")"));
}

TEST_CASE("the help of config explains every setting", "[cli][keep]") {
  const Scratch scratch;
  const std::string help = run_well({"config", "--help"});
  for (const std::string& line : lines_of(run_well({"config", new_queue(scratch)}))) {
    CAPTURE(line);
    CHECK(has(help, "\n  " + line.substr(0, line.find('=')) + " "));
  }
}

TEST_CASE("config and init change the mode of the folders", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const auto mode_of = [&](const std::string& path) {
    return static_cast<unsigned>(std::filesystem::status(path).permissions());
  };
  CHECK(mode_of(q + "/new") == 0700);
  run_well({"config", q, "mode=0750"});
  CHECK(mode_of(q) == 0750);
  CHECK(mode_of(q + "/new") == 0750);
  run_well({"init", q, "mode=0770"});
  CHECK(mode_of(q + "/later") == 0770);
  run_well({"init", q});
  CHECK(mode_of(q + "/later") == 0770);
}

TEST_CASE("settings that would refuse everything are refused", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  for (const std::string setting :
       {"max_size=0", "max_bytes=0", "max_messages=0", "detached_lease=0", "max_attempts=0"}) {
    CAPTURE(setting);
    CHECK(run({"config", q, setting}).exit == 78);
  }
}

TEST_CASE("init leaves a folder alone that holds something else", "[cli][keep]") {
  const Scratch scratch;
  const std::string folder = scratch / "project";
  std::filesystem::create_directories(folder + "/new");
  write_file(folder + "/new/readme.txt", "not a message");
  write_file(folder + "/main.c", "");
  const Outcome refused = run({"init", folder});
  CHECK(refused.exit == 73);
  CHECK(has(refused.err, "main.c"));
  CHECK(names_in(folder) == std::vector<std::string>{"main.c", "new"});
  SECTION("what is hidden, and the root of a file system, may be there") {
    std::filesystem::remove(folder + "/main.c");
    std::filesystem::create_directory(folder + "/lost+found");
    write_file(folder + "/.directory", "");
    run_well({"init", folder});
  }
  SECTION("and so may all that a Maildir has") {
    std::filesystem::create_directory(folder + "/tmp");
    std::filesystem::create_directory(folder + "/cur");
    write_file(folder + "/dovecot-uidlist", "");
    run_well({"init", folder});
  }
}

TEST_CASE("reap fails what has expired", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  run_well({"put", q, "--ttl=1ms"}, "x");
  run_well({"put", q}, "y");
  CHECK(has(run_well({"reap", q}), "failed 1"));
  CHECK(has(run_well({"ls", q, "--state=failed", "-l"}), "expired"));
  CHECK(run_well({"take", q}) == "y");
}

TEST_CASE("no queue is made inside of a queue, nor where one was forgotten", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  const Outcome inside = run({"init", q + "/new"});
  CHECK(inside.exit == 73);
  CHECK(has(inside.err, "it is a folder of the queue " + q));
  CHECK(names_in(q + "/new").empty());
  const Outcome put = run({"put", q + "/new"}, "x");
  CHECK(put.exit == 66);
  CHECK(has(put.err, "a folder of the queue"));
  for (const std::string verb : {"init", "config"}) {
    const Outcome forgotten = run({verb, "max_attempts=3"});
    CHECK(forgotten.exit == 64);
    CHECK(has(forgotten.err, "which queue? 'max_attempts=3' is a setting"));
  }
}

TEST_CASE("a queue that lacks a folder says which, and what restores it", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = new_queue(scratch);
  std::filesystem::remove(q + "/later");
  const Outcome outcome = run({"put", q}, "x");
  CHECK(outcome.exit == 66);
  CHECK(has(outcome.err, q + "/later"));
  CHECK(has(outcome.err, "spoolq init " + q));
  run_well({"init", q});
  run_well({"put", q}, "x");
}

TEST_CASE("somebody's mail is neither removed nor moved", "[cli][keep]") {
  const Scratch scratch;
  for (const char* folder : {"tmp", "new", "cur"}) {
    std::filesystem::create_directories(scratch.path() / "mail" / folder);
  }
  write_file(scratch / "mail/new/1795403405.M6Q1.vm", "mail");
  const std::string q = new_queue(scratch);
  const std::vector<std::vector<std::string>> attempts = {
      {"rm", scratch / "mail", "@oldest"},
      {"mv", scratch / "mail", q, "@oldest"},
      {"purge", scratch / "mail", "--all", "--force"}};
  for (const auto& arguments : attempts) {
    CAPTURE(arguments.front());
    const Outcome outcome = run(arguments);
    CHECK(outcome.exit == 66);
    CHECK(has(outcome.err, "spoolq init"));
  }
  CHECK(names_in(scratch / "mail/new").size() == 1);
}

TEST_CASE("those who share a queue can read the files of its consumers", "[cli][keep]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q, "mode=2770"});
  run_well({"put", q}, "x");
  run_well({"take", q});
  const std::vector<std::string> files = names_in(q + "/consumers");
  CHECK_FALSE(files.empty());
  for (const std::string& file : files) {
    const auto mode = std::filesystem::status(q + "/consumers/" + file).permissions();
    CHECK(static_cast<unsigned>(mode) == 0660);
  }
}

}  // namespace
}  // namespace spoolq::test
