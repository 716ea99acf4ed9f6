// What each verb takes, in words: the one table behind both the parser and the help.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace spoolq::cli {

/// One option of a verb.
struct OptionText {
  char letter = '\0';        ///< Short name, or NUL.
  std::string_view name{};   ///< Long name without dashes; empty where there is only the letter.
  std::string_view value{};  ///< What its value is called; empty: it takes none.
  std::string_view help{};
  bool repeatable = false;
  std::string_view value_if_bare{};  ///< Not empty: the value is optional, given by `=` only.
};

struct Example {
  std::string_view command;
  std::string_view meaning;
};

/// The groups under which verbs are listed.
enum class Group { start, send, take, look, keep, other };

struct VerbText {
  std::string_view name;
  std::span<const std::string_view> aliases;
  Group group = Group::other;
  std::string_view summary;
  std::string_view usage;  ///< What follows the verb.
  std::size_t arguments_min = 0;
  std::size_t arguments_max = 0;
  std::span<const OptionText> options;
  std::span<const Example> examples;
  std::string_view details;  ///< Further paragraphs, for --help only.
};

/// Any number of arguments.
inline constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);

/// All verbs, in the order of the help.
std::span<const VerbText> all_verbs();
/// The options that every verb takes.
std::span<const OptionText> common_options();
/// The verb of that name or alias, or nullptr.
const VerbText* find_verb(std::string_view name);
std::string_view heading_of(Group group);

}  // namespace spoolq::cli
