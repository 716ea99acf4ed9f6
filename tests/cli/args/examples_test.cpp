// Every example that the help gives is run as it is printed, in a folder with what it assumes.
#include <fmt/core.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/help_pages.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

/// The message that the examples name.
constexpr const char* kId = "01935a7b-8c3d-7e21-9f4a-1b2c97d0a11c";

/// A folder as the reader of an example has it: queues jobs and mail with messages in each state, a
/// few files, a folder inbox, and a claim held in $path. A fresh one for each example.
class Sandbox {
 public:
  explicit Sandbox(const std::string& verb) {
    fs::create_directory(scratch_ / "bin");
    fs::create_symlink(program_path(), scratch_ / "bin/spoolq");
    fs::create_directory(scratch_ / "work");
    fs::create_directory(in("inbox"));
    write_file(in("cat.jpg"), "a cat");
    write_file(in("dog.jpg"), "a dog");
    if (verb == "init") return;  // Its examples make the queue.
    for (const std::string queue : {"jobs", "mail"}) run_well({"init", in(queue)});
    if (verb == "import") make_queues_of_others();
    if (verb == "adopt") {
      write_file(in("inbox/report.txt"), "a report");
      write_file(in("inbox/report.txt.done"), "complete");
    }
    put_failed();
    run_well({"put", in("jobs")}, "held");
    path_ = run_well({"take", in("jobs"), "--hold"}).substr(37);
    run_well({"put", in("jobs"), "--delay=1h"}, "delayed");
    // What is tried again must have failed; everything else is done to a message that is ready.
    const bool has_failed = verb == "retry" || verb == "purge";
    write_file(in("jobs") + (has_failed ? "/failed/5." : "/new/5.") + kId, "payload");
    // One of put's examples looks for pictures everywhere.
    const std::string name = verb == "put" ? "--name=cat" : "--name=cat.jpg";
    run_well({"put", in("jobs"), "--key=user/7", name}, "ready");
  }

  [[nodiscard]] std::string in(const std::string& name) const {
    return scratch_ / ("work/" + name);
  }
  /// The ids of the messages of jobs in a state.
  [[nodiscard]] std::vector<std::string> ids(const std::string& state) const {
    return lines_of(run_well({"ls", in("jobs"), "-q", "--state", state}));
  }

  [[nodiscard]] Outcome run_shell(const std::string& command) const {
    return run(invocation(command));
  }
  /// Runs a command that goes on for ever, until no message is ready, or no file is in the inbox;
  /// then it is told to stop.
  [[nodiscard]] Outcome run_worker(const std::string& command) const {
    Running worker{invocation("exec " + command)};
    const bool adopts = has(command, "adopt");
    CHECK(
        eventually([&] { return adopts ? names_in(in("inbox")).empty() : ids("ready").empty(); }));
    worker.signal(SIGTERM);
    return worker.wait();
  }

 private:
  [[nodiscard]] Invocation invocation(const std::string& command) const {
    return Invocation{
        .arguments = {"-c", command},
        .environment = {{"PATH", scratch_ / "bin" + ":/usr/bin:/bin"}, {"path", path_}},
        .directory = scratch_ / "work",
        .program = "/bin/sh"};
  }

  void make_queues_of_others() const {
    for (const char* folder :
         {"Maildir/new", "Maildir/cur", "Maildir/tmp", "queue/6b046210", "nq"}) {
      fs::create_directories(in(folder));
    }
    write_file(in("Maildir/new/1795403749.M999038P6595.vm"), "mail");
    write_file(in("queue/6b046210/6b04624a240442"), "element");
    write_file(in("nq/,1a2091fcb4d.1520"), "exec nq true");
  }

  void put_failed() const {
    run_well({"put", in("jobs")}, "failed");
    const std::string claim = run_well({"take", in("jobs"), "--hold"}).substr(37);
    run_well({"fail", in("jobs"), claim, "--reason=because"});
  }

  Scratch scratch_;
  std::string path_;
};

/// Does something in the queue jobs, again and again, for the examples that wait for it.
class Others {
 public:
  Others(const std::string& verb, const Sandbox& sandbox) {
    std::vector<std::string> command = {"put", sandbox.in("jobs"), "--name=cat.jpg", "-"};
    if (verb == "wait") {
      command = {"purge", sandbox.in("jobs"), "--state=ready,claimed,delayed", "--force"};
    }
    if (verb != "watch" && verb != "wait") return;
    thread_ = std::thread{[this, command] {
      while (!done_) run(command);
    }};
  }
  Others(const Others&) = delete;
  Others& operator=(const Others&) = delete;
  ~Others() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> done_{false};
  std::thread thread_;
};

/// What an example must have done, by its verb: looked at where printing something is not all.
void check_effect(const std::string& verb, const std::string& command, const Sandbox& sandbox,
                  const Outcome& outcome) {
  const auto state_of_held = [&] { return sandbox.ids("claimed").size(); };
  if (verb == "init") CHECK(fs::exists(sandbox.in("jobs") + "/spoolq.json"));
  if (verb == "put") CHECK(lines_of(outcome.out).at(0).size() == 36);
  if (verb == "put" && has(command, "--each-nul")) CHECK(lines_of(outcome.out).size() == 2);
  if (verb == "put" && has(command, "--delay")) CHECK(sandbox.ids("delayed").size() == 2);
  if (verb == "adopt") {
    const bool kept = has(command, "--keep");
    const bool dry_run = has(command, "--dry-run");
    CHECK(names_in(sandbox.in("inbox")).size() == (kept || dry_run ? 2 : 0));
    CHECK(sandbox.ids("ready").size() == (dry_run ? 2U : kept ? 3U : 4U));
  }
  if (verb == "import") {
    CHECK(lines_of(outcome.out).size() == 1);
    CHECK(sandbox.ids("ready").size() == (has(command, "--dry-run") ? 2 : 3));
  }
  if (verb == "take" && has(command, "--hold")) CHECK(state_of_held() == 2);
  if (verb == "take" && has(command, "-o inbox")) {
    CHECK(names_in(sandbox.in("inbox")).size() == 2);
    CHECK(sandbox.ids("ready").empty());
  }
  if (verb == "work") {
    CHECK(sandbox.ids("ready").empty());
    CHECK(has(outcome.err, " done "));
    CHECK_FALSE(has(outcome.err, "failed"));
    CHECK(names_in(sandbox.in("inbox")).size() == (has(command, "inbox") ? 2 : 0));
  }
  if (verb == "ack" || verb == "release" || verb == "fail") CHECK(state_of_held() == 0);
  if (verb == "fail") CHECK(sandbox.ids("failed").size() == 2);
  if (verb == "extend") CHECK(state_of_held() == 1);
  if (verb == "cat") CHECK(outcome.out == "payload");
  if (verb == "ls" && has(command, "--state failed")) CHECK(has(outcome.out, "because"));
  if (verb == "retry") CHECK(sandbox.ids("failed").size() == (has(command, "--all") ? 0 : 1));
  if (verb == "mv") CHECK_FALSE(lines_of(run_well({"ls", sandbox.in("mail"), "-q"})).empty());
  if (verb == "purge" && has(command, "--force")) CHECK(sandbox.ids("failed").size() == 1);
  if (verb == "watch")
    CHECK(has(outcome.out, has(command, "--json") ? "cat.jpg\"" : "  cat.jpg\n"));
  if (verb == "wait") CHECK(outcome.out.empty());
  if (verb == "pause") CHECK(fs::exists(sandbox.in("jobs") + "/paused"));
  if (verb == "rm") CHECK(sandbox.ids("ready").size() == 1);
  const std::vector<std::string> printing = {"config", "put",  "adopt", "take", "ls",      "show",
                                             "cat",    "peek", "stats", "reap", "version", "help"};
  const bool is_quiet = has(command, " > ") || (verb == "config" && has(command, "="));
  if (std::ranges::count(printing, verb) > 0 && !is_quiet) CHECK_FALSE(outcome.out.empty());
}

}  // namespace

TEST_CASE("every example of every verb works as it is printed", "[cli][examples]") {
  const std::vector<std::string> verbs = verb_names();
  CHECK(verbs.size() >= 18);
  for (const std::string& verb : verbs) {
    CAPTURE(verb);
    const std::vector<std::string> examples = examples_of(verb);
    CHECK_FALSE(examples.empty());
    for (const std::string& example : examples) {
      CAPTURE(example);
      CHECK(has(example, "spoolq " + verb));
      const Sandbox sandbox{verb};
      const Others others{verb, sandbox};
      const bool worker = (verb == "work" && !has(example, "--drain")) || has(example, "--follow");
      // What ends by Ctrl-C only is ended here once it has printed three lines.
      const bool endless = example == "spoolq watch jobs";
      const Outcome outcome = worker
                                  ? sandbox.run_worker(example)
                                  : sandbox.run_shell(endless ? example + " | head -3" : example);
      CAPTURE(outcome.out, outcome.err);
      CHECK(outcome.exit == 0);
      // A worker says of each message that it is done.
      if (verb != "work") CHECK(outcome.err.empty());
      check_effect(verb, example, sandbox, outcome);
    }
  }
}

TEST_CASE("the examples at the top of the program's help work in their order", "[cli][examples]") {
  const Sandbox sandbox{"init"};
  std::size_t run_count = 0;
  for (const std::string& line : lines_of(run_well({"-h"}))) {
    if (!line.starts_with("  spoolq ")) continue;
    CAPTURE(line);
    const Outcome outcome = sandbox.run_shell(line.substr(0, line.find("   ", 2)));
    CHECK(outcome.exit == 0);
    CHECK(outcome.err.empty());
    ++run_count;
  }
  CHECK(run_count == 4);
  CHECK(read_file(sandbox.in("next")) == "a cat");
}

TEST_CASE("an example that does not work is caught", "[cli][examples]") {
  const Sandbox sandbox{"ls"};
  CHECK(sandbox.run_shell("spoolq ls jobs --satte failed").exit == 64);
  CHECK(sandbox.run_shell("spoolq ls job").exit == 66);
  CHECK(sandbox.run_shell("spoolq show jobs 97d0a11d").exit == 66);
  CHECK(sandbox.run_shell("spoolq ack jobs \"$paht\"").exit != 0);
}

}  // namespace spoolq::test
