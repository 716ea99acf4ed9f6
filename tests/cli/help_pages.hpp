// What the program's own help says, read as a user reads it.
#pragma once

#include <string>
#include <vector>

namespace spoolq::test {

/// The verbs that `spoolq help` lists.
std::vector<std::string> verb_names();
/// The commands under "spoolq VERB: …" in the output of `spoolq VERB -h`.
std::vector<std::string> examples_of(const std::string& verb);

struct OptionHelp {
  std::string name;   ///< As one types it: --json, or -n where there is no long name.
  std::string value;  ///< What its value is called; empty: it takes none.
  bool is_value_optional = false;
};
/// The options that `spoolq VERB -h` lists.
std::vector<OptionHelp> options_of(const std::string& verb);
/// The line after "Usage: ".
std::string usage_of(const std::string& verb);

}  // namespace spoolq::test
