// Reading the help.
#include "tests/cli/help_pages.hpp"

#include <regex>

#include "tests/support/program.hpp"

namespace spoolq::test {
namespace {

/// The lines of `text` that `pattern` matches as a whole, each as its first group.
std::vector<std::string> matching_lines(const std::string& text, const std::string& pattern) {
  std::vector<std::string> found;
  std::smatch match;
  for (const std::string& line : lines_of(text)) {
    if (std::regex_match(line, match, std::regex{pattern})) found.push_back(match[1]);
  }
  return found;
}

}  // namespace

std::vector<std::string> verb_names() {
  std::vector<std::string> names;
  for (const std::string& name : matching_lines(run_well({"-h"}), "  ([a-z]+)  .*")) {
    names.push_back(name);
  }
  return names;
}

std::vector<std::string> examples_of(const std::string& verb) {
  const std::string help = run_well({verb, "-h"});
  // A command stands two blanks in, what it means six.
  return matching_lines(help.substr(0, help.find("\nUsage: ")), "  ([^ ].*)");
}

std::vector<OptionHelp> options_of(const std::string& verb) {
  const std::string help = run_well({verb, "-h"});
  const std::string after = help.substr(help.find("\nUsage: "));
  std::vector<OptionHelp> options;
  std::smatch match;
  const std::regex option{R"(  (-\w)?(?:, |    |)(--[a-z-]+)?(?:\[=(\w+)\]| ([A-Z=]+))?  .*)"};
  for (const std::string& line : lines_of(after)) {
    if (!std::regex_match(line, match, option)) continue;
    options.push_back({.name = match[2].matched ? match[2] : match[1],
                       .value = match[3].matched ? match[3] : match[4],
                       .is_value_optional = match[3].matched});
  }
  return options;
}

std::string usage_of(const std::string& verb) {
  return matching_lines(run_well({verb, "-h"}), "Usage: (.*)").at(0);
}

}  // namespace spoolq::test
