// The pages about guarantees name the tests that attack each promise. A name that no test has, or a
// file that is not there, is a promise nobody attacks.
#include <fmt/core.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

#include "tests/support/catch.hpp"
#include "tests/support/paths.hpp"

namespace spoolq::test {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// The first group of every match.
std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (auto match = std::sregex_iterator{text.begin(), text.end(), pattern};
       match != std::sregex_iterator{}; ++match) {
    found.insert((*match)[1]);
  }
  return found;
}

/// The sources of all tests as one text, with string literals that continue on the next line
/// joined.
std::string all_tests() {
  std::string text;
  for (const auto& entry : fs::recursive_directory_iterator{source_path("tests")}) {
    if (entry.path().extension() == ".cpp") text += read(entry.path());
  }
  return std::regex_replace(text, std::regex{R"("\s*\n\s*")"}, "");
}

}  // namespace

TEST_CASE("every test that the guarantees name exists", "[docs]") {
  const std::string page = read(source_path("docs/guarantees.md"));
  const std::string tests = all_tests();
  const auto named = matches(page, std::regex{R"x("([a-z][^"]{20,})")x"});
  CHECK(named.size() >= 8);
  for (const std::string& name : named) {
    INFO(name);
    CHECK(tests.find("\"" + name + "\"") != std::string::npos);
  }
}

TEST_CASE("every test file that the guarantees name exists", "[docs]") {
  const std::string page = read(source_path("docs/guarantees.md"));
  const auto named = matches(page, std::regex{R"(`((?:[a-z_]+/)+[a-z_]+\.cpp))"});
  CHECK(named.size() >= 8);
  for (const std::string& name : named) {
    INFO(name);
    CHECK(fs::exists(source_path("tests/" + name)));
  }
}

TEST_CASE("every page that a page links to exists", "[docs]") {
  std::size_t links = 0;
  const auto check = [&](const fs::path& page) {
    for (const std::string& target : matches(read(page), std::regex{R"(\]\(([^)#:]+)\))"})) {
      ++links;
      INFO(page.string() << " links to " << target);
      CHECK(fs::exists(page.parent_path() / target));
    }
  };
  for (const auto& entry : fs::recursive_directory_iterator{source_path("docs")}) {
    if (entry.path().extension() == ".md") check(entry.path());
  }
  for (const char* page : {"README.md", "CONTRIBUTING.md"}) {
    check(source_path(page));
  }
  CHECK(links > 0);
}

}  // namespace spoolq::test
