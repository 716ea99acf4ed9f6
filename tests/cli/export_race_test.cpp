// export --move, stopped between its copies and the removal of the messages: strace stops it there.
#include <signal.h>

#include <filesystem>
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

TEST_CASE("a message that is taken before its export ends is not in the Maildir", "[cli][export]") {
  require_strace();
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  for (const char* folder : {"tmp", "new", "cur"}) {
    std::filesystem::create_directories(scratch / ("box/" + std::string{folder}));
  }
  const std::string id = run_well({"put", q}, "taken");
  // The copy, new/, cur/, and the Maildir.
  Stopped stopped{scratch, 4, {q, "--move", "--to=maildir", scratch / "box"}};
  CHECK(names_in(scratch / "box/new").size() == 1);
  CHECK(run_well({"take", q}) == "taken");
  const Outcome outcome = stopped.go_on();
  CHECK(outcome.exit == 0);
  CHECK(outcome.out == "exported 0\n");
  CHECK(has(outcome.err, id + ": left out: it has moved on"));
  CHECK(names_in(scratch / "box/new").empty());
}

TEST_CASE("a message that is taken before its export ends stays in the archive, which is said",
          "[cli][export]") {
  require_strace();
  const Scratch scratch;
  const std::string q = scratch / "q";
  run_well({"init", q});
  const std::string id = run_well({"put", q}, "taken");
  // The file, and its folder.
  Stopped stopped{scratch, 2, {q, "--move", "-o", scratch / "q.tar"}};
  CHECK(run_well({"take", q}) == "taken");
  const Outcome outcome = stopped.go_on();
  CHECK(outcome.exit == 0);
  CHECK(has(outcome.err, id + ": it has moved on, and its copy is there as well"));
  const Outcome list =
      run(Invocation{.arguments = {"-tf", scratch / "q.tar"}, .program = "/usr/bin/tar"});
  CHECK(has(list.out, id));
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
