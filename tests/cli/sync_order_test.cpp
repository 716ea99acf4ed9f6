// What the program syncs, and what it has synced when it says or does the next thing: no test can
// cut the power of a program from outside, so strace tells.
#include <linux/magic.h>
#include <sys/statfs.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include "tests/cli/traced.hpp"
#include "tests/support/catch.hpp"

namespace spoolq::test {
namespace {

using Steps = std::vector<std::string>;

/// Two queues, q and r, and a folder, out.
class Place {
 public:
  Place() {
    run_well({"init", q});
    run_well({"init", r});
    std::filesystem::create_directory(scratch / "out");
  }
  Scratch scratch;
  const std::string q = scratch / "q";
  const std::string r = scratch / "r";
  const std::string out = scratch / "out";

  [[nodiscard]] std::string put(const std::string& payload = "x") const {
    return run_well({"put", q}, payload);
  }
  [[nodiscard]] std::string put_failed() const {
    static_cast<void>(put());
    const std::string held = run_well({"take", q, "--hold"});
    run_well({"fail", q, held.substr(37)});
    return held.substr(0, 36);
  }
  /// What the program changes, syncs and prints, in order and without repetitions.
  [[nodiscard]] Steps steps(std::vector<std::string> arguments, const std::string& input = {},
                            int exit = 0) const {
    const std::string trace = scratch / "trace";
    arguments.insert(arguments.begin(),
                     {"-f", "-y", "-e", "trace=fsync,syncfs,renameat2,unlinkat,write", "-o", trace,
                      program_path()});
    // A program that is traced cannot look for leaks.
    const Outcome outcome = run(Invocation{.arguments = arguments,
                                           .input = input,
                                           .environment = {{"ASAN_OPTIONS", "detect_leaks=0"}},
                                           .program = kStrace});
    CHECK(outcome.exit == exit);
    Steps steps;
    for (const std::string& line : whole_calls(lines_of(read_file(trace)))) {
      const std::string step = step_of(line);
      if (!step.empty() && (steps.empty() || steps.back() != step)) steps.push_back(step);
    }
    return steps;
  }

 private:
  [[nodiscard]] std::string step_of(const std::string& line) const {
    static const std::regex call{R"(\d+\s+(\w+)\((\d+)<([^>]*)>(.*)\)\s+= \d+.*)"};
    static const std::regex target{R"(, "[^"]*", \d+<([^>]*)>.*)"};
    std::smatch match;
    if (!std::regex_match(line, match, call)) return {};
    const std::string name = match[1];
    // A write of nothing asks whether there is a standard output.
    if (name == "write") return match[2] == "1" && !line.ends_with("= 0") ? "print" : "";
    const std::string path = inside(match[3]);
    if (path.empty() || has(path, "consumers")) return {};
    if (name == "unlinkat") return "unlink " + path;
    if (name == "fsync" || name == "syncfs") return "sync " + synced(path);
    const std::string rest = match[4];
    std::smatch to;
    return std::regex_match(rest, to, target) ? "rename " + path + " " + inside(to[1]) : line;
  }
  /// One line for each call, where it ended: of a call that another process's interrupts in the
  /// trace there are two, one for its begin and one for its end.
  static std::vector<std::string> whole_calls(const std::vector<std::string>& lines) {
    static const std::string unfinished = " <unfinished ...>";
    static const std::regex resumed{R"((\d+)\s+<\.\.\. \w+ resumed>(.*))"};
    std::map<std::string, std::string> begun;  // By process.
    std::vector<std::string> calls;
    for (const std::string& line : lines) {
      std::smatch match;
      if (line.ends_with(unfinished)) {
        begun[line.substr(0, line.find(' '))] = line.substr(0, line.size() - unfinished.size());
      } else if (std::regex_match(line, match, resumed)) {
        calls.push_back(begun[match[1]] + match[2].str());
      } else {
        calls.push_back(line);
      }
    }
    return calls;
  }
  /// The path below the folder; empty for others.
  [[nodiscard]] std::string inside(const std::string& path) const {
    const std::string prefix = scratch.path().string() + "/";
    return path.starts_with(prefix) ? path.substr(prefix.size()) : "";
  }
  /// The queue, whatever of it is synced: that differs between file systems. Elsewhere a file
  /// without its name.
  static std::string synced(const std::string& path) {
    const std::size_t slash = path.find('/');
    if (slash == std::string::npos || !path.starts_with("out/")) return path.substr(0, slash);
    return path[slash + 1] == '.' ? "out/.*" : "out/*";
  }
};

}  // namespace

TEST_CASE("put prints an id when the message is on disk", "[cli][sync]") {
  require_strace();
  const Place place;
  const Steps expected{"sync q", "rename q/tmp q/new", "sync q", "print"};
  CHECK(place.steps({"put", place.q}, "x") == expected);
  // Several at a time: all payloads, then all names.
  CHECK(place.steps({"put", place.q, "--each-line", "--sync=fs"}, "x\ny\n") == expected);
  CHECK(place.steps({"put", place.q, "--sync=none"}, "x") == Steps{"rename q/tmp q/new", "print"});
}

TEST_CASE("take acknowledges what it has written", "[cli][sync]") {
  require_strace();
  const Place place;
  static_cast<void>(place.put());
  CHECK(place.steps({"take", place.q}) ==
        Steps{"rename q/new q/cur", "print", "unlink q/cur", "sync q"});
}

TEST_CASE("work --output-dir acknowledges when the output and its folder are on disk",
          "[cli][sync][work]") {
  require_strace();
  const Place place;
  static_cast<void>(place.put());
  CHECK(place.steps({"work", place.q, "--drain", "--output-dir", place.out, "--", "echo",
                     "done"}) == Steps{"rename q/new q/cur", "print", "sync out/.*",
                                       "rename out out", "sync out", "unlink q/cur", "sync q"});
}

TEST_CASE("take -o acknowledges when file and folder are on disk", "[cli][sync]") {
  require_strace();
  const Place place;
  static_cast<void>(place.put());
  CHECK(place.steps({"take", place.q, "-o", place.out}) ==
        Steps{"rename q/new q/cur", "sync out/.*", "rename out out", "sync out", "unlink q/cur",
              "sync q", "print"});
  // The file that a death before the ack left may not be on disk yet.
  write_file(place.scratch / ("out/" + place.put("again")), "again");
  CHECK(place.steps({"take", place.q, "-o", place.out}) ==
        Steps{"rename q/new q/cur", "sync out/.*", "sync out/*", "unlink out", "sync out",
              "unlink q/cur", "sync q", "print"});
}

TEST_CASE("mv syncs the target before the source, and says what it moved after that",
          "[cli][sync]") {
  require_strace();
  const Place place;
  const std::string id = place.put();
  CHECK(place.steps({"mv", place.q, place.r, id}) ==
        Steps{"rename q/new r/new", "sync r", "sync q"});
  static_cast<void>(place.put());
  CHECK(place.steps({"mv", place.q, place.r, "--all"}) ==
        Steps{"rename q/new r/new", "sync r", "sync q", "print"});
}

TEST_CASE("export --move removes a message when its copy is on disk", "[cli][sync][export]") {
  require_strace();
  const Place place;
  static_cast<void>(place.put());
  CHECK(place.steps({"export", place.q, "--move", "-o", place.out + "/q.tar"}) ==
        Steps{"rename q/new q/cur", "sync out/.*", "rename out out", "sync out", "unlink q/cur",
              "sync q", "print"});
  static_cast<void>(place.put());
  // The folders of the Maildir first; then the claim, the copy, its name, and what has the name in
  // it.
  CHECK(place.steps({"export", place.q, "--move", "--to=maildir", place.out}) ==
        Steps{"sync out", "rename q/new q/cur", "sync out/*", "rename out/tmp out/new",
              "sync out/*", "sync out", "unlink q/cur", "sync q", "print"});
}

TEST_CASE("rm, purge and retry are on disk when they end", "[cli][sync]") {
  require_strace();
  const Place place;
  const std::string removed = place.put();
  CHECK(place.steps({"rm", place.q, removed}) == Steps{"unlink q/new", "sync q"});
  static_cast<void>(place.put());
  CHECK(place.steps({"purge", place.q, "--all", "--force"}) ==
        Steps{"unlink q/new", "sync q", "print"});
  const Steps retried{"rename q/failed q/new", "sync q"};
  CHECK(place.steps({"retry", place.q, place.put_failed()}) == retried);
  static_cast<void>(place.put_failed());
  CHECK(place.steps({"retry", place.q, "--all"}) ==
        Steps{"rename q/failed q/new", "sync q", "print"});
}

TEST_CASE("what was changed before an error is synced all the same", "[cli][sync]") {
  require_strace();
  const Place place;
  const std::string removed = place.put();
  CHECK(place.steps({"rm", place.q, removed, "no-such-id"}, {}, 66) ==
        Steps{"unlink q/new", "sync q"});
  static_cast<void>(place.put());
  static_cast<void>(place.put("too large"));
  run_well({"config", place.r, "max_size=5"});
  CHECK(place.steps({"mv", place.q, place.r, "--all"}, {}, 65) ==
        Steps{"rename q/new r/new", "sync r", "sync q", "print"});
}

TEST_CASE("many messages share one sync of the file system", "[cli][sync]") {
  require_strace();
  const Place place;
  constexpr std::size_t kMany = 20;
  const auto put_many = [&] {
    std::string lines;
    for (std::size_t i = 0; i < kMany; ++i) lines += "x\n";
    run_well({"put", place.q, "--each-line", "--sync=none"}, lines);
  };
  const auto syncs = [](const Steps& steps) {
    return std::ranges::count_if(steps, [](const auto& step) { return step.starts_with("sync"); });
  };
  put_many();
  CHECK(syncs(place.steps({"mv", place.q, place.r, "--all"})) == 2);
  put_many();
  const Steps purged = place.steps({"purge", place.q, "--all", "--force"});
  CHECK(syncs(purged) == 1);
  CHECK(purged.back() == "print");
  CHECK(purged.at(purged.size() - 2) == "sync q");
}

TEST_CASE("a folder outside of the queue is synced as its file system needs it", "[cli][sync]") {
  require_strace();
  const Place place;
  struct statfs status{};
  REQUIRE(::statfs(place.out.c_str(), &status) == 0);
  const bool per_folder =
      status.f_type == EXT4_SUPER_MAGIC || status.f_type == 0x58465342 /* xfs */;
  const auto syncs = [&](std::vector<std::string> arguments, const std::string& folder) {
    static_cast<void>(place.put());
    static_cast<void>(place.steps(std::move(arguments)));
    const std::string call = per_folder ? "fsync" : "syncfs";
    const std::regex line{call + R"(\(\d+<[^>]*)" + folder + R"(>\)\s+= 0)"};
    return std::regex_search(read_file(place.scratch / "trace"), line);
  };
  CHECK(syncs({"take", place.q, "-o", place.out}, "/out"));
  CHECK(syncs({"export", place.q, "-o", place.out + "/q.tar"}, "/out"));
  CHECK(syncs({"export", place.q, "--to=maildir", place.out}, "/out/new"));
}

}  // namespace spoolq::test
