// Reading Markdown tables.
#include "tests/support/format_page.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/paths.hpp"

namespace spoolq::test {
namespace {

std::string cell_text(std::string text) {
  std::erase(text, '`');
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream{line.substr(1)};
  for (std::string cell; std::getline(stream, cell, '|');) cells.push_back(cell_text(cell));
  return cells;
}

}  // namespace

std::string format_page() {
  std::ifstream file{source_path("docs/format.md")};
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) throw std::runtime_error{"cannot read docs/format.md"};
  return text.str();
}

std::vector<std::vector<std::string>> format_table(const std::string& marker) {
  std::istringstream page{format_page()};
  std::string line;
  while (std::getline(page, line) && !line.starts_with(marker)) {
  }
  while (std::getline(page, line) && !line.starts_with('|')) {
  }
  if (!page) throw std::runtime_error{"no table after " + marker};
  std::getline(page, line);  // The rule below the head.
  std::vector<std::vector<std::string>> rows;
  while (std::getline(page, line) && line.starts_with('|')) rows.push_back(cells_of(line));
  return rows;
}

}  // namespace spoolq::test
