// Taking a command line apart. The only file that knows CLI11.
#include "cli/args/parsed.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/args/suggest.hpp"
#include "cli/args/usage_error.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "cli/output/units.hpp"
#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

using Words = Parsed::Words;

/// The name under which an option's values are found again.
std::string key_of(const OptionText& option) {
  return option.name.empty() ? std::string(1, option.letter) : std::string{option.name};
}

template <typename Function>
void for_each_option(const Command& command, Function function) {
  for (const OptionText& option : command.options) function(option);
  for (const OptionText& option : common_options()) function(option);
}

const OptionText* find_option(const Command& command, std::string_view name) {
  const OptionText* found = nullptr;
  for_each_option(command, [&](const OptionText& option) {
    if (!option.name.empty() && option.name == name) found = &option;
  });
  return found;
}

[[noreturn]] void unknown_option(const Command& command, std::string_view word) {
  const std::string_view typed = word.substr(0, word.find('='));
  std::vector<std::string_view> names;
  for_each_option(command, [&](const OptionText& option) {
    if (!option.name.empty()) names.push_back(option.name);
  });
  // Compared without the dashes: `-json` is meant as `--json`, and no letter is like another.
  const std::size_t start = std::min(typed.find_first_not_of('-'), typed.size());
  const std::string_view close = nearest(typed.substr(start), names);
  std::string message = fmt::format("{}: no option '{}'", command.name, escape(typed));
  if (!close.empty()) message += fmt::format(". Did you mean '--{}'?", close);
  throw UsageError{message, &command};
}

/// Writes `--name=value` as two words, which CLI11 takes as they are: with `=` it would read an
/// empty value as a missing one. Options whose value is optional get the value that stands for
/// none, and go on as they are.
Words separate_values(const Command& command, const Words& words) {
  Words result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const std::size_t equals = word.find('=');
    const bool is_long = word.starts_with("--");
    const OptionText* option = is_long ? find_option(command, word.substr(2, equals - 2)) : nullptr;
    if (option == nullptr) {
      result.push_back(word);
    } else if (equals != std::string::npos) {
      if (option->value.empty()) {
        throw UsageError{fmt::format("{}: --{} takes no value", command.name, option->name),
                         &command};
      }
      result.push_back(word.substr(0, equals));
      result.push_back(word.substr(equals + 1));
    } else {
      result.push_back(word);
      if (!option->value_if_bare.empty()) {
        result.emplace_back(option->value_if_bare);
      } else if (!option->value.empty() && i + 1 < words.size()) {
        result.push_back(words[++i]);  // The value, whatever it looks like.
      }
    }
  }
  return result;
}

CLI::Option* declare(CLI::App& app, const OptionText& option) {
  std::vector<std::string> spellings;
  if (option.letter != '\0') spellings.push_back(fmt::format("-{}", option.letter));
  if (!option.name.empty()) spellings.push_back(fmt::format("--{}", option.name));
  const std::string names = fmt::format("{}", fmt::join(spellings, ","));
  if (option.value.empty()) return app.add_flag(names);
  // Bound to no variable, because the conversion to one has a meaning of its own for [a,b] and {}.
  return app.add_option(names)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->allow_extra_args(false);
}

}  // namespace

Parsed::Parsed(const Command& command, const Words& words, Commands commands)
    : command_{command}, commands_{commands} {
  const auto end_of_options = std::ranges::find(words, "--");
  Words before = separate_values(command, Words{words.begin(), end_of_options});

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::map<std::string, CLI::Option*> declared;
  for_each_option(
      command, [&](const OptionText& option) { declared[key_of(option)] = declare(app, option); });
  const std::string last = before.empty() ? std::string{} : before.back();
  std::ranges::reverse(before);
  try {
    app.parse(before);
  } catch (const CLI::ArgumentMismatch&) {
    // Every option takes one value at most, so only the last word can lack it.
    throw UsageError{fmt::format("{}: {} needs a value", command.name, escape(last)), &command};
  } catch (const CLI::ParseError& error) {
    throw UsageError{fmt::format("{}: {}", command.name, error.what()), &command};
  }
  for (const auto& [key, option] : declared) given_[key] = option->results();
  arguments_ = app.remaining();
  for (const std::string& word : arguments_) {
    if (word.size() > 1 && word.front() == '-') unknown_option(command, word);
  }
  if (end_of_options != words.end()) {
    after_dashes_ = words.end() - end_of_options - 1;
    arguments_.insert(arguments_.end(), end_of_options + 1, words.end());
  }
}

void Parsed::check_count() const {
  if (arguments_.size() < command_.arguments_min) {
    wrong_use(arguments_.empty() ? "which queue?" : "an argument is missing", true);
  }
  if (arguments_.size() <= command_.arguments_max) return;
  const std::string word = escape(arguments_[command_.arguments_max]);
  std::string text = fmt::format("'{}' is one argument too many", word);
  for (const OptionText& option : command_.options) {
    if (option.value_if_bare.empty() || !flag(key_of(option))) continue;
    text += fmt::format(". A value for --{} is written --{}={}", option.name, option.name, word);
  }
  wrong_use(text);
}

std::optional<std::string> Parsed::value(const std::string& key) const {
  const Words& all = values(key);
  return all.empty() ? std::nullopt : std::optional{all.back()};
}

std::optional<Duration> Parsed::duration(const std::string& key) const {
  const auto text = value(key);
  if (!text) return std::nullopt;
  const auto result = parse_duration(*text);
  if (!result) {
    bad_value(key, *text, "not a duration such as 250ms, 10s, 5m, 1h, 7d; at most 36500d");
  }
  return result;
}

std::optional<std::size_t> Parsed::number(const std::string& key, std::size_t maximum,
                                          std::size_t minimum) const {
  const auto text = value(key);
  if (!text) return std::nullopt;
  const auto result = parse_number(*text, maximum);
  if (!result || *result < minimum) {
    bad_value(key, *text, fmt::format("not a number from {} to {}", minimum, maximum));
  }
  return static_cast<std::size_t>(*result);
}

/// The place of the given word in `words`.
std::size_t Parsed::choice_of(const std::string& key,
                              const std::vector<std::string_view>& words) const {
  const auto text = value(key);
  if (!text) return 0;
  const auto found = std::ranges::find(words, *text);
  if (found == words.end()) {
    bad_value(key, *text, fmt::format("not one of {}", fmt::join(words, ", ")));
  }
  return static_cast<std::size_t>(found - words.begin());
}

void Parsed::bad_value(const std::string& key, std::string_view value,
                       std::string_view expected) const {
  throw Failure{kExitBadValue,
                fmt::format("{}: {}{} '{}': {}", command_.name, key.size() == 1 ? "-" : "--", key,
                            escape(value), expected)};
}

void Parsed::wrong_use(std::string_view text, bool missing) const {
  throw UsageError{fmt::format("{}: {}", command_.name, text), &command_, missing};
}

}  // namespace spoolq::cli
