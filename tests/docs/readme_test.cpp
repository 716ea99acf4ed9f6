// The README's examples do what it says: the transcript is typed again, the C++ program is built
// (tests/CMakeLists.txt) and run.
#include <regex>
#include <string>
#include <vector>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

/// A command of the transcript and what it shows after it.
struct Step {
  std::string command;
  std::string output;
};

std::vector<Step> transcript() {
  const std::string page = read_file(source_path("README.md"));
  const std::string begin = "```console\n";
  const std::size_t start = page.find(begin);
  if (start == std::string::npos) return {};
  const std::size_t text = start + begin.size();
  std::vector<Step> steps;
  for (const std::string& line : lines_of(page.substr(text, page.find("```", text) - text))) {
    if (line.starts_with("$ ")) {
      steps.push_back({line.substr(2), {}});
    } else if (!steps.empty()) {
      steps.back().output += line + "\n";
    }
  }
  return steps;
}

/// The text with what differs from run to run hidden: ids, checksums, ages.
std::string steady(std::string text) {
  const std::string hex = "[0-9a-f]";
  for (const auto& [pattern, mask] : std::vector<std::pair<std::string, std::string>>{
           {hex + "{8}-" + hex + "{4}-7" + hex + "{3}-" + hex + "{4}-" + hex + "{12}", "UUID"},
           {"H=" + hex + "{16}", "H=CHECKSUM"},
           {"(^|\n)" + hex + "{8} ", "$1SHORT-ID "},
           {" +[0-9.]+s ", " AGE "}}) {
    text = std::regex_replace(text, std::regex{pattern}, mask);
  }
  return text;
}

}  // namespace

TEST_CASE("the transcript in the README is what happens", "[docs][readme]") {
  const std::vector<Step> steps = transcript();
  REQUIRE(steps.size() >= 6);
  const Scratch scratch;
  std::filesystem::create_directories(scratch / "bin");
  std::filesystem::create_directories(scratch / "work");
  std::filesystem::create_symlink(program_path(), scratch / "bin/spoolq");
  write_file(scratch / "work/cat.jpg", "a cat");
  for (const Step& step : steps) {
    CAPTURE(step.command);
    const bool waits = has(step.command, "--wait");
    if (waits) run_well({"put", scratch / "work/jobs"}, "the next one");
    const Outcome outcome = run(
        Invocation{.arguments = {"-c", step.command},
                   .environment = {{"PATH", scratch / "bin" + ":/usr/bin:/bin"}, {"LC_ALL", "C"}},
                   .directory = scratch / "work",
                   .program = "/bin/sh"});
    CHECK(outcome.exit == 0);
    CHECK(outcome.err.empty());
    CHECK(steady(outcome.out) == (waits ? "the next one" : steady(step.output)));
  }
  CHECK(read_file(scratch / "work/next.jpg") == "a cat");
}

TEST_CASE("the C++ program in the README does what it shows", "[docs][readme]") {
  const Scratch scratch;
  const Outcome outcome = run(
      Invocation{.arguments = {}, .directory = scratch.path(), .program = readme_program_path()});
  CHECK(outcome.exit == 0);
  CHECK(outcome.err.empty());
  CHECK(std::regex_match(outcome.out, std::regex{"[0-9a-f-]{36}: resize cat.jpg\n"}));
  CHECK(run_well({"ls", scratch / "jobs"}).empty());
}

}  // namespace spoolq::test
