// docs/running-jobs.md names nothing that the program does not have, and leaves out nothing that it
// has.
#include <regex>
#include <set>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

std::set<std::string> all_matches(const std::string& text, const std::string& pattern) {
  const std::regex expression{pattern};
  std::set<std::string> found;
  for (std::sregex_iterator match{text.begin(), text.end(), expression}, end; match != end;
       ++match) {
    found.insert(match->str(1));
  }
  return found;
}

std::string page() { return read_file(source_path("docs/running-jobs.md")); }

}  // namespace

TEST_CASE("every option on the page about running jobs is one of spoolq's", "[docs][jobs]") {
  std::string help;
  for (const char* verb : {"work", "wait", "watch", "put", "ls", "mv", "retry", "config"}) {
    help += run_well({verb, "--help"});
  }
  const std::set<std::string> options = all_matches(page(), "[` ](--[a-z-]+)");
  CHECK(options.size() > 12);
  for (const std::string& option : options) {
    INFO(option);
    CHECK(has(help, option));
  }
}

TEST_CASE("the page about running jobs has every variable that a job gets", "[docs][jobs]") {
  // As a job sees it, not as the help says.
  const Scratch scratch;
  const std::string queue = scratch / "q";
  run_well({"init", queue});
  run_well({"put", queue, "--header", "traceparent=1", "--header", "tracestate=2", "--header",
            "baggage=3"});
  const std::string seen = run_well({"work", queue, "--once", "--quiet", "--", "/usr/bin/env"});
  const std::string expression = "(?:^|[^A-Z_])(SPOOLQ_[A-Z_]+|TRACEPARENT|TRACESTATE|BAGGAGE)";
  const std::set<std::string> variables = all_matches(seen, expression);
  CHECK(variables.size() >= 12);
  CHECK(all_matches(page(), expression) == variables);
}

}  // namespace spoolq::test
