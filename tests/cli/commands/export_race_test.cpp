// export --move, stopped between its copies and the removal of the messages: strace stops it there.
#include <signal.h>

#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/traced.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using Words = std::vector<std::string>;

/// An export that waits once its copies are on disk.
class Stopped {
 public:
  /// `sync` is the number of the fsync after which it waits: the last one of the copies.
  Stopped(const Scratch& scratch, int sync, const Words& options)
      : trace_{scratch / "trace"}, program_{invocation(sync, options)} {
    std::smatch match;
    const std::regex stopped{R"((\d+) +--- stopped by SIGSTOP ---)"};
    REQUIRE(eventually([&] {
      const std::string trace = read_file(trace_);
      if (!std::regex_search(trace, match, stopped)) return false;
      pid_ = std::stoi(match[1]);
      return true;
    }));
  }
  Outcome go_on() {
    REQUIRE(::kill(pid_, SIGCONT) == 0);
    return program_.wait();
  }
  void kill() {
    REQUIRE(::kill(pid_, SIGKILL) == 0);
    program_.wait();
  }

 private:
  [[nodiscard]] Invocation invocation(int sync, const Words& options) const {
    Words words = {"-f",
                   "-o",
                   trace_,
                   "-e",
                   "trace=fsync",
                   "-e",
                   fmt::format("inject=fsync:signal=SIGSTOP:when={}", sync),
                   program_path(),
                   "export"};
    words.insert(words.end(), options.begin(), options.end());
    return Invocation{.arguments = words,
                      .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}},
                      .program = kStrace};
  }

  std::string trace_;
  Running program_;
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("no other program takes a message while it is exported", "[cli][export]") {
  require_strace();
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  const std::string id = run_well({"put", q}, "exported");
  // The file, and its folder.
  Stopped stopped{scratch, 2, {q, "--move", "-o", scratch / "q.tar"}};
  CHECK(run({"take", q}).exit == 1);
  CHECK(has(run_well({"ls", q, "-l"}), "claimed"));
  CHECK(run({"release", q, lines_of(id).at(0)}).exit == 72);
  const Outcome second = run({"export", q, "--move", "-o", scratch / "r.tar"});
  CHECK(second.exit == 1);
  const Outcome outcome = stopped.go_on();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "exported 1\n");
  CHECK(names_in(q + "/cur").empty());
  const Outcome list =
      run(Invocation{.arguments = {"-tf", scratch / "q.tar"}, .program = "/usr/bin/tar"});
  // Under the name that it had.
  CHECK(has(list.out, "new/5." + lines_of(id).at(0)));
  CHECK_FALSE(has(list.out, ",C="));
}

TEST_CASE("what a killed export has claimed goes back to where it was", "[cli][export][kill]") {
  require_strace();
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q, "max_attempts=1"});
  run_well({"put", q, "--delay=1h"}, "delayed");
  run_well({"put", q}, "failed");
  run({"work", q, "--drain", "--quiet", "--", "false"});
  run_well({"put", q}, "ready");
  const auto names = [&] {
    Words all;
    for (const char* folder : {"/new", "/later", "/failed"}) {
      for (const std::string& name : names_in(q + folder)) all.push_back(folder + ("/" + name));
    }
    return all;
  };
  const Words before = names();
  REQUIRE(before.size() == 3);
  Stopped stopped{scratch, 2, {q, "--move", "-o", scratch / "q.tar"}};
  CHECK(names_in(q + "/cur").size() == 3);
  stopped.kill();
  run_well({"reap", q});
  CHECK(names() == before);
  CHECK(names_in(q + "/cur").empty());
}

TEST_CASE("two exports that move beside each other lose and double nothing", "[cli][export]") {
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  constexpr int kMessages = 200;
  std::string lines;
  for (int i = 0; i < kMessages; ++i) lines += std::to_string(i) + "\n";
  const auto ids = lines_of(run_well({"put", q, "--each-line", "--sync=none"}, lines));
  Running one{{.arguments = {"export", q, scratch / "one", "--to=maildir", "--move"}}};
  Running two{{.arguments = {"export", q, scratch / "two", "--to=maildir", "--move"}}};
  const int first = one.wait().exit;
  const int second = two.wait().exit;
  // One that comes too late for all of them finds none.
  CHECK((first == 0 || first == 1));
  CHECK((second == 0 || second == 1));
  std::map<std::string, int> copies;
  for (const char* box : {"one/new", "two/new"}) {
    if (!std::filesystem::exists(scratch / box)) continue;
    for (const std::string& name : names_in(scratch / box))
      ++copies[read_file(scratch / box + ("/" + name))];
  }
  CHECK(copies.size() == kMessages);
  for (const auto& [payload, count] : copies) CHECK(count == 1);
  CHECK(names_in(q + "/new").empty());
  CHECK(names_in(q + "/cur").empty());
}

TEST_CASE("a file that replaced the one that was exported stays", "[cli][export]") {
  require_strace();
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q, "settle=0"});
  write_file(q + "/new/report.txt", "old");
  Stopped stopped{scratch, 2, {q, "--move", "-o", scratch / "q.tar"}};
  write_file(q + "/tmp/report.txt", "new");
  std::filesystem::rename(q + "/tmp/report.txt", q + "/new/report.txt");
  CHECK(stopped.go_on().exit == 0);
  CHECK(run_well({"take", q, "--wait=10s"}) == "new");
}

}  // namespace spoolq::test
