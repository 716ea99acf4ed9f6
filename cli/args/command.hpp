// A command: its words, its options, and what the command line gives for them.
//
// A command is one function. It describes itself, binds each option to a variable and calls
// parse(), which sets the variables:
//
//   int peek_command(Command& command, Console& console) {
//     std::size_t count = 1;
//     command.describe("peek", "print the next payloads, taking nothing");
//     command.number("-n", count, 0, kCountMax, "the next N; default 1; 0: all");
//     if (!command.parse(console)) return kExitDone;
//     ...
//
// The help calls the same function for the words only. Then parse() returns false.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "cli/args/usage_error.hpp"
#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "cli/output/units.hpp"
#include "spoolq/units.hpp"

namespace spoolq::cli {

/// The words of an option.
struct OptionWords {
  std::string_view spelling;  ///< "--json", "-n", or both as in "-o,--output".
  std::string_view value{};   ///< What its value is called; empty: it takes none.
  std::string_view help{};
  std::string_view value_if_bare{};  ///< Not empty: the value is optional, given by `=` only.
};

struct Example {
  std::string_view command;
  std::string_view meaning;
};

class Command;

/// Describes the command, and runs it when command.parse() says so. Returns the exit code. Throws
/// UsageError, and Failure for a bad value, before it changes anything.
using CommandFunction = int(Command& command, Console& console);

/// A command as the help prints it.
struct CommandWords {
  CommandFunction* run = nullptr;
  std::string_view name;
  std::vector<std::string_view> aliases;
  std::vector<std::string_view> elsewhere;  ///< What people call it who come from other queues.
  std::string_view summary;
  std::string_view usage;  ///< What follows the name.
  std::vector<OptionWords> options;
  std::vector<OptionWords> common_options;  ///< Those that every command takes.
  std::vector<Example> examples;
  std::string_view details;  ///< Further paragraphs, for --help only.
};

/// Any number of arguments.
inline constexpr std::size_t kUnlimited = static_cast<std::size_t>(-1);
/// The largest -n.
inline constexpr std::size_t kCountMax = 1'000'000'000;
/// What is said of a text that is no duration.
inline constexpr const char* kNoDuration =
    "not a duration such as 250ms, 10s, 5m, 1h, 7d; at most 36500d";

/// For one_of(): values with the words that to_string() has for them.
template <typename Value>
std::vector<std::pair<std::string_view, Value>> choices(std::initializer_list<Value> values) {
  std::vector<std::pair<std::string_view, Value>> result;
  for (const Value value : values) result.emplace_back(to_string(value), value);
  return result;
}

class Command : public CommandWords {
 public:
  using Words = std::vector<std::string>;
  /// Stores the value of an option. Returns what is wrong with it, or an empty text.
  using Store = std::function<std::string(const std::string& value)>;
  template <typename Value>
  using Choices = std::vector<std::pair<std::string_view, std::type_identity_t<Value>>>;

  /// `words` are what follows the command's name. Without them parse() returns false.
  explicit Command(std::optional<Words> words = std::nullopt);
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command() = default;

  // The words.

  /// A command has one argument, the queue, unless it says otherwise.
  void describe(std::string_view command_name, std::string_view what_it_does,
                std::string_view arguments = "Q", std::size_t least = 1, std::size_t most = 1);
  void example(std::string_view command, std::string_view meaning) {
    examples.push_back({command, meaning});
  }

  // The options. A variable keeps its value when the option is not given. Of an option that is
  // given again the last value counts.

  void flag(std::string_view spelling, bool& variable, std::string_view help);
  /// Any text. `variable` is a std::string or an optional one.
  template <typename Text>
  void text(std::string_view spelling, Text& variable, std::string_view value,
            std::string_view help) {
    option(
        spelling, variable, value, help,
        [](const std::string& given) { return std::optional{given}; }, "");
  }
  template <typename Number>
  void number(std::string_view spelling, Number& variable, std::size_t least, std::size_t most,
              std::string_view help) {
    const auto read = [least, most](const std::string& given) {
      const auto value = parse_number(given, most);
      const bool fits = value && *value >= least;
      return fits ? std::optional<Number>{static_cast<Number>(*value)} : std::nullopt;
    };
    option(spelling, variable, "N", help, read,
           fmt::format("not a number from {} to {}", least, most));
  }
  /// `variable` is a Duration or an optional one.
  template <typename Time>
  void duration(std::string_view spelling, Time& variable, std::string_view help) {
    option(spelling, variable, "D", help, parse_duration, kNoDuration);
  }
  /// A duration during which something happens, so it is not 0.
  void time_limit(std::string_view spelling, std::optional<Duration>& variable,
                  std::string_view help);
  /// One of some words, each with the value that it stands for.
  template <typename Value>
  void one_of(std::string_view spelling, Value& variable, std::string_view value,
              std::string_view help, Choices<Value> choices, std::string_view value_if_bare = {}) {
    std::string expected = fmt::format("not one of {}", fmt::join(std::views::keys(choices), ", "));
    const auto read = [choices = std::move(choices)](const std::string& given) {
      const auto found = std::ranges::find(std::views::keys(choices), given).base();
      return found == choices.end() ? std::nullopt : std::optional<Value>{found->second};
    };
    option(spelling, variable, value, help, read, std::move(expected), value_if_bare);
  }
  /// What `read` makes of the value. It returns an optional one, which is empty for a value that is
  /// not as `expected` says.
  template <typename Variable, typename Read>
  void option(std::string_view spelling, Variable& variable, std::string_view value,
              std::string_view help, const Read& read, std::string expected,
              std::string_view value_if_bare = {}) {
    option({spelling, value, help, value_if_bare}, static_cast<const void*>(&variable),
           [&variable, read, expected = std::move(expected)](const std::string& given) {
             auto result = read(given);
             if (!result) return expected;
             variable = *std::move(result);
             return std::string{};
           });
  }
  /// What `store` makes of the value; of each, for an option that `repeats`. `variable` only stands
  /// for the option.
  void option(const OptionWords& words, const void* variable, Store store, bool repeats = false);

  // Rules between options that are declared above them, each meant by the address of its variable.

  void excludes(const void* one, const void* other) {
    rules_.push_back({bound(one), bound(other), true});
  }
  void needs(const void* one, const void* other) {
    rules_.push_back({bound(one), bound(other), false});
  }

  /// Sets the variables. Returns false when only the words are wanted, or help, which it prints.
  /// Throws UsageError for unknown options and missing arguments, then Failure for a bad value,
  /// then UsageError for a broken rule.
  bool parse(Console& console);

  // What parse() has found.

  [[nodiscard]] bool given(const void* variable) const { return bound(variable).given; }
  [[nodiscard]] const Words& arguments() const { return arguments_; }
  /// The first argument.
  [[nodiscard]] const std::string& queue() const { return arguments_.front(); }
  /// The arguments after the first.
  [[nodiscard]] Words rest() const { return {arguments_.begin() + 1, arguments_.end()}; }
  /// How many of the arguments stand behind `--`.
  [[nodiscard]] std::size_t count_after_dashes() const { return after_dashes_; }

  /// Throws UsageError; `missing`: the usage and an example help most.
  [[noreturn]] void wrong_use(std::string_view text, bool missing = false) const;
  [[noreturn]] void bad_value(const void* variable, std::string_view value,
                              std::string_view expected) const;

  /// The help that the words ask for, in place of anything else.
  enum class Help { none, brief, full };
  /// The first step of parse(), for words without a command.
  Help take_apart();

 private:
  struct Bound {
    OptionWords words;
    const void* variable;
    Store store;
    bool repeats;
    bool given = false;
  };
  struct Rule {
    const Bound& one;
    const Bound& other;
    bool excludes;  ///< Else `one` needs `other`.
  };

  [[nodiscard]] const Bound& bound(const void* variable) const;
  [[nodiscard]] const OptionWords* find_option(std::string_view typed) const;
  [[nodiscard]] Words separate_values(const Words& words) const;
  [[noreturn]] void unknown_option(std::string_view word) const;
  void check_count() const;

  std::optional<Words> words_;
  std::deque<Bound> bound_;
  std::vector<Rule> rules_;
  std::size_t arguments_min_ = 0;
  std::size_t arguments_max_ = 0;
  Words arguments_;
  std::size_t after_dashes_ = 0;
  std::optional<Failure> bad_value_;
  ColorChoice color_ = ColorChoice::automatic;
  bool verbose_ = false;
  bool short_help_ = false;
  bool full_help_ = false;
};

}  // namespace spoolq::cli
