// Reading NAME=VALUE.
#include "cli/commands/settings.hpp"

#include <fmt/format.h>

#include "cli/output/print.hpp"

namespace spoolq::cli {

SettingChange parse_setting(const Parsed& parsed, const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    parsed.wrong_use(fmt::format("'{}' is not NAME=VALUE", escape(word)));
  }
  return {word.substr(0, equals), word.substr(equals + 1)};
}

void require_queue(const Parsed& parsed) {
  const std::string& word = parsed.queue();
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return;
  if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != equals) return;
  parsed.wrong_use(fmt::format("which queue? '{}' is a setting", escape(word)), true);
}

}  // namespace spoolq::cli
