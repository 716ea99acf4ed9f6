// The options and arguments of one command, taken apart and still text.
//
// Everything after the first `--` is set aside, so CLI11 sees the options of one command only and
// no queue is ever mistaken for a command. What it does not recognise it hands back untouched: our
// arguments, and the options that do not exist.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/args/command.hpp"
#include "spoolq/message.hpp"

namespace spoolq::cli {

class Parsed {
 public:
  using Words = std::vector<std::string>;

  /// `words` is what follows the command. Throws UsageError.
  Parsed(const Command& command, const Words& words, Commands commands = {});
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  /// All commands, for what explains them.
  [[nodiscard]] Commands commands() const { return commands_; }

  /// Throws unless there are as many arguments as the command takes.
  void check_count() const;
  [[nodiscard]] const Words& arguments() const { return arguments_; }
  /// The first argument.
  [[nodiscard]] const std::string& queue() const { return arguments_.front(); }
  /// Those of them that stand behind `--`.
  [[nodiscard]] Words after_dashes() const {
    return {arguments_.end() - after_dashes_, arguments_.end()};
  }
  /// The arguments after the first.
  [[nodiscard]] Words rest() const { return {arguments_.begin() + 1, arguments_.end()}; }

  // An option's key is its name, or its letter where it has no name.

  [[nodiscard]] bool flag(const std::string& key) const { return !values(key).empty(); }
  [[nodiscard]] const Words& values(const std::string& key) const { return given_.at(key); }
  /// The last value given.
  [[nodiscard]] std::optional<std::string> value(const std::string& key) const;

  // These throw Failure (65) for a value that cannot be.

  [[nodiscard]] std::optional<Duration> duration(const std::string& key) const;
  [[nodiscard]] std::optional<std::size_t> number(const std::string& key, std::size_t maximum,
                                                  std::size_t minimum = 0) const;
  /// What stands beside the word that was given; the first where none was.
  template <typename Value>
  [[nodiscard]] Value choice(
      const std::string& key,
      std::initializer_list<std::pair<std::string_view, Value>> choices) const {
    std::vector<std::string_view> words;
    for (const auto& [word, value] : choices) words.push_back(word);
    return (choices.begin() + choice_of(key, words))->second;
  }
  /// The same, where to_string() spells the words.
  template <typename Value>
  [[nodiscard]] Value choice(const std::string& key, std::initializer_list<Value> choices) const {
    std::vector<std::string_view> words;
    for (const Value each : choices) words.push_back(to_string(each));
    return *(choices.begin() + choice_of(key, words));
  }
  [[noreturn]] void bad_value(const std::string& key, std::string_view value,
                              std::string_view expected) const;

  /// Throws UsageError; `missing` as there.
  [[noreturn]] void wrong_use(std::string_view text, bool missing = false) const;

 private:
  [[nodiscard]] std::size_t choice_of(const std::string& key,
                                      const std::vector<std::string_view>& words) const;

  const Command& command_;
  Commands commands_;
  Words arguments_;
  Words::difference_type after_dashes_ = 0;  ///< How many of them stand behind `--`.
  std::map<std::string, Words> given_;
};

}  // namespace spoolq::cli
