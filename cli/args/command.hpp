// What a command is: its words, which the parser and the help read, and its code.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace spoolq::cli {

/// One option of a command.
struct OptionText {
  char letter = '\0';        ///< Short name, or NUL.
  std::string_view name{};   ///< Long name without dashes; empty where there is only the letter.
  std::string_view value{};  ///< What its value is called; empty: it takes none.
  std::string_view help{};
  std::string_view value_if_bare{};  ///< Not empty: the value is optional, given by `=` only.
};

struct Example {
  std::string_view command;
  std::string_view meaning;
};

/// The groups under which commands are listed.
enum class Group { start, send, take, look, keep, other };

class Parsed;
struct Console;

/// One command: its words, and what it does.
struct Command {
  std::string_view name;
  std::span<const std::string_view> aliases{};
  Group group = Group::other;
  std::string_view summary;
  std::string_view usage{};  ///< What follows the name.
  // One argument, the queue, unless the command says otherwise.
  std::size_t arguments_min = 1;
  std::size_t arguments_max = 1;
  std::span<const OptionText> options{};
  std::span<const Example> examples;
  std::string_view details{};  ///< Further paragraphs, for --help only.
  /// Returns the exit code. Throws UsageError, and Failure for a bad value, before it changes
  /// anything.
  int (*run)(const Parsed& parsed, Console& console);
};

/// Any number of arguments.
inline constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

using Commands = std::span<const Command* const>;

/// The options that every command takes.
std::span<const OptionText> common_options();
/// The command of that name or alias, or nullptr.
const Command* find_command(Commands commands, std::string_view name);
/// The same. Throws UsageError, with what may be meant, when there is none.
const Command& require_command(Commands commands, std::string_view name);

}  // namespace spoolq::cli
