// Reading NAME=VALUE.
#include "cli/commands/settings.hpp"

#include <fmt/format.h>

#include "cli/output/print.hpp"

namespace spoolq::cli {

SettingChange parse_setting(const Command& command, const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    command.wrong_use(fmt::format("'{}' is not NAME=VALUE", escape(word)));
  }
  return {word.substr(0, equals), word.substr(equals + 1)};
}

void require_queue(const Command& command) {
  const std::string& word = command.queue();
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return;
  if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != equals) return;
  command.wrong_use(fmt::format("which queue? '{}' is a setting", escape(word)), true);
}

}  // namespace spoolq::cli
