// docs/from-inbox-folder.md: a script that polls a folder, and spoolq, each in the same three
// situations. What the page says of them is what happens here.
#include <csignal>
#include <filesystem>
#include <regex>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

const std::string kScripts = source_path("docs/examples/from-inbox-folder/");

// Tells in `log` that it begins, waits where there is `hold` until there is `go`, and tells what it
// has read. Its process is noted in `processes`. Without the folder it ends: nothing outlives a
// test.
constexpr const char* kJob = R"(dir=$(dirname "$0")
name=${SPOOLQ_NAME:-$(basename "$1")}
echo $$ >> "$dir/processes"
echo "begin $name" >> "$dir/log"
while [ -e "$dir/hold" ] && [ ! -e "$dir/go" ]; do sleep 0.01; done
echo "end $name:" $(cat "$1") >> "$dir/log"
)";

/// A folder `in` and workers of it, which run one of the two scripts.
class Situation {
 public:
  explicit Situation(const std::string& script) : script_{kScripts + script} {
    fs::create_directories(in());
    fs::create_directory(scratch_ / "bin");
    fs::create_symlink(program_path(), scratch_ / "bin/spoolq");
    write_file(scratch_ / "job", kJob);
  }

  [[nodiscard]] std::string in() const { return scratch_ / "in"; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return scratch_ / name; }

  /// A program that is not a worker.
  [[nodiscard]] Invocation shell(const std::string& command) const {
    return Invocation{.arguments = {"-c", command},
                      .environment = {{"PATH", scratch_ / "bin" + ":/usr/bin:/bin"}},
                      .directory = scratch_.path(),
                      .program = "/bin/sh"};
  }
  /// What it says goes to a file, because its jobs may live longer than it does.
  [[nodiscard]] Invocation worker() const {
    return shell("exec '" + script_ + "' '" + in() + "' sh '" + scratch_ / "job' >> said 2>&1");
  }
  /// Drops a whole file, as a careful program does.
  void drop(const std::string& name) const {
    write_file(scratch_ / ("." + name), name);
    fs::rename(scratch_ / ("." + name), scratch_ / ("in/" + name));
  }
  void hold_jobs() const { write_file(scratch_ / "hold", ""); }
  void let_jobs_go() const { write_file(scratch_ / "go", ""); }

  /// How often a line of the log begins with this.
  [[nodiscard]] long count(const std::string& begin) const {
    return std::ranges::count_if(lines_of(read_file(scratch_ / "log")),
                                 [&](const auto& line) { return line.starts_with(begin); });
  }
  [[nodiscard]] bool reaches(const std::string& begin, long wanted) const {
    return eventually([&] { return count(begin) >= wanted; });
  }
  /// Whether the process of the first job is still there.
  [[nodiscard]] bool first_job_lives() const {
    return fs::exists("/proc/" + lines_of(read_file(scratch_ / "processes")).at(0));
  }
  /// Waits until spoolq has nothing more to do.
  void wait_until_empty() const { CHECK(run(shell("spoolq wait in/.spoolq --empty")).exit == 0); }

 private:
  Scratch scratch_;
  std::string script_;
};

/// A program that writes a file where it belongs, and takes its time.
class SlowWriter {
 public:
  explicit SlowWriter(const Situation& situation)
      : program_{situation.shell("exec > in/report; echo first; read line; echo last")} {
    REQUIRE(eventually([&] { return read_file(situation / "in/report") == "first\n"; }));
  }
  void finish() { CHECK(program_.wait("go on\n").exit == 0); }

 private:
  Running program_;
};

std::string page() { return read_file(source_path("docs/from-inbox-folder.md")); }

}  // namespace

TEST_CASE("the page about inbox folders shows the scripts that are there", "[docs][inbox]") {
  for (const char* name : {"poll.sh", "spoolq.sh"}) {
    CAPTURE(name);
    const std::string script = read_file(kScripts + name);
    CHECK_FALSE(script.empty());
    CHECK(has(page(), "```sh\n" + script + "```"));
  }
}

TEST_CASE("every option on the pages about folders of others is one of spoolq's", "[docs][inbox]") {
  std::string help;
  for (const char* verb :
       {"init", "work", "ls", "retry", "config", "adopt", "import", "export", "put", "mv"})
    help += run_well({verb, "--help"});
  // GNU tar's.
  help += "--xattrs";
  const std::string text = page() + read_file(source_path("docs/moving-in-and-out.md"));
  const std::regex option{"[` ](--[a-z-]+)"};
  for (std::sregex_iterator match{text.begin(), text.end(), option}, end; match != end; ++match) {
    CAPTURE(match->str(1));
    CHECK(has(help, match->str(1)));
  }
}

TEST_CASE("a script that polls takes half of a file and loses the rest", "[docs][inbox]") {
  const Situation situation{"poll.sh"};
  SlowWriter writer{situation};
  Running poller{situation.worker()};
  REQUIRE(eventually([&] { return !fs::exists(situation / "in/report"); }));
  writer.finish();
  CHECK(read_file(situation / "log") == "begin report\nend report: first\n");
  CHECK(names_in(situation.in()).empty());
}

TEST_CASE("spoolq takes a file when it is whole", "[docs][inbox]") {
  const Situation situation{"spoolq.sh"};
  SlowWriter writer{situation};
  Running worker{situation.worker()};
  // It works, and leaves alone what is not complete.
  situation.drop("quick");
  REQUIRE(situation.reaches("end quick: quick", 1));
  CHECK(situation.count("begin report") == 0);
  writer.finish();
  CHECK(situation.reaches("end report: first last", 1));
  situation.wait_until_empty();
  CHECK(situation.count("begin report") == 1);
}

TEST_CASE("a script that polls and is killed in the middle of a job does it twice at once",
          "[docs][inbox]") {
  const Situation situation{"poll.sh"};
  situation.hold_jobs();
  situation.drop("a");
  {
    Running killed{situation.worker()};
    REQUIRE(situation.reaches("begin a", 1));
    killed.signal(SIGKILL);
    killed.wait();
  }
  Running next{situation.worker()};
  REQUIRE(situation.reaches("begin a", 2));
  CHECK(situation.first_job_lives());
  situation.let_jobs_go();
  CHECK(situation.reaches("end a", 2));
}

TEST_CASE("when spoolq is killed in the middle of a job, the next one does it once",
          "[docs][inbox]") {
  const Situation situation{"spoolq.sh"};
  situation.hold_jobs();
  situation.drop("a");
  {
    Running killed{situation.worker()};
    REQUIRE(situation.reaches("begin a", 1));
    killed.signal(SIGKILL);
    killed.wait();
  }
  Running next{situation.worker()};
  REQUIRE(situation.reaches("begin a", 2));
  CHECK_FALSE(situation.first_job_lives());
  situation.let_jobs_go();
  situation.wait_until_empty();
  CHECK(situation.count("end a: a") == 1);
  CHECK(situation.count("end") == 1);
}

TEST_CASE("two scripts that poll a folder do the same file twice", "[docs][inbox]") {
  const Situation situation{"poll.sh"};
  situation.hold_jobs();
  situation.drop("a");
  situation.drop("b");
  Running one{situation.worker()};
  REQUIRE(situation.reaches("begin", 1));
  Running other{situation.worker()};
  REQUIRE(situation.reaches("begin", 2));
  CHECK(situation.count("begin a") == 2);
  situation.let_jobs_go();
  CHECK(situation.reaches("end a", 2));
}

TEST_CASE("two workers of spoolq share the files of a folder", "[docs][inbox]") {
  const Situation situation{"spoolq.sh"};
  situation.hold_jobs();
  situation.drop("a");
  situation.drop("b");
  Running one{situation.worker()};
  REQUIRE(situation.reaches("begin", 1));
  Running other{situation.worker()};
  REQUIRE(situation.reaches("begin", 2));
  situation.let_jobs_go();
  situation.wait_until_empty();
  CHECK(situation.count("end a: a") == 1);
  CHECK(situation.count("end b: b") == 1);
  CHECK(situation.count("begin") == 2);
}

}  // namespace spoolq::test
