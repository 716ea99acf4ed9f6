// The tables of docs/format.md, which the tests read so that page and code cannot differ.
#pragma once

#include <string>
#include <vector>

namespace spoolq::test {

/// The whole page.
std::string format_page();
/// The rows of the first table after the line that begins with `marker`, without its head. Cells
/// have no blanks around them and no backquotes. Throws std::runtime_error when there is no table.
std::vector<std::vector<std::string>> format_table(const std::string& marker);

}  // namespace spoolq::test
