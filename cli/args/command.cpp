// Taking a command line apart. The only file that knows CLI11.
//
// Everything after the first `--` is set aside, so CLI11 sees the options of one command only and
// no queue is ever mistaken for a command. What it does not recognise it hands back untouched: our
// arguments, and the options that do not exist.
#include "cli/args/command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/args/help.hpp"
#include "cli/args/suggest.hpp"

namespace spoolq::cli {
namespace {

/// The long name, or the letter where there is none.
std::string_view name_of(const OptionWords& option) {
  return option.spelling.substr(option.spelling.find(',') + 1);
}

CLI::Option* declare(CLI::App& app, const OptionWords& option, bool repeats,
                     const CLI::callback_t& store) {
  const std::string spelling{option.spelling};
  if (option.value.empty()) return app.add_flag_callback(spelling, [store] { store({""}); });
  // Bound to no variable, because the conversion to one has a meaning of its own for [a,b] and {}.
  return app.add_option(spelling, store)
      ->multi_option_policy(repeats ? CLI::MultiOptionPolicy::TakeAll
                                    : CLI::MultiOptionPolicy::TakeLast)
      ->allow_extra_args(false);
}

}  // namespace

Command::Command(std::optional<Words> words) : words_{std::move(words)} {
  one_of("--color", color_, "WHEN", "always, never, or auto (on a terminal)",
         {{"auto", ColorChoice::automatic},
          {"always", ColorChoice::always},
          {"never", ColorChoice::never}});
  flag("-v,--verbose", verbose_, "say more on standard error");
  flag("-h", short_help_, "short help, examples first");
  flag("--help", full_help_, "full help");
  common_options.swap(options);
}

void Command::describe(std::string_view command_name, std::string_view what_it_does,
                       std::string_view arguments, std::size_t least, std::size_t most) {
  name = command_name;
  summary = what_it_does;
  usage = arguments;
  arguments_min_ = least;
  arguments_max_ = most;
}

void Command::flag(std::string_view spelling, bool& variable, std::string_view help) {
  option({.spelling = spelling, .help = help}, &variable, [&variable](const std::string&) {
    variable = true;
    return std::string{};
  });
}

void Command::time_limit(std::string_view spelling, std::optional<Duration>& variable,
                         std::string_view help) {
  option({spelling, "D", help}, &variable, [&variable](const std::string& given) {
    variable = parse_duration(given);
    if (!variable) return kNoDuration;
    return *variable > Duration{0} ? "" : "it would be over at once";
  });
}

void Command::option(const OptionWords& words, const void* variable, Store store, bool repeats) {
  options.push_back(words);
  bound_.push_back({words, variable, std::move(store), repeats});
}

const Command::Bound& Command::bound(const void* variable) const {
  const auto found = std::ranges::find(bound_, variable, &Bound::variable);
  if (found == bound_.end()) throw std::logic_error{"no option is bound to this variable"};
  return *found;
}

const OptionWords* Command::find_option(std::string_view typed) const {
  const auto found = std::ranges::find_if(
      bound_, [typed](const Bound& option) { return name_of(option.words) == typed; });
  return found == bound_.end() ? nullptr : &found->words;
}

/// Writes `--name=value` as two words, which CLI11 takes as they are: with `=` it would read an
/// empty value as a missing one. Options whose value is optional get the value that stands for
/// none, and go on as they are.
Command::Words Command::separate_values(const Words& words) const {
  Words result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const std::size_t equals = word.find('=');
    const OptionWords* option =
        word.starts_with("--") ? find_option(std::string_view{word}.substr(0, equals)) : nullptr;
    result.push_back(option == nullptr ? word : word.substr(0, equals));
    if (option == nullptr) continue;
    if (equals != std::string::npos) {
      if (option->value.empty()) wrong_use(fmt::format("{} takes no value", name_of(*option)));
      result.push_back(word.substr(equals + 1));
    } else if (!option->value_if_bare.empty()) {
      result.emplace_back(option->value_if_bare);
    } else if (!option->value.empty() && i + 1 < words.size()) {
      result.push_back(words[++i]);  // The value, whatever it looks like.
    }
  }
  return result;
}

void Command::unknown_option(std::string_view word) const {
  const std::string_view typed = word.substr(0, word.find('='));
  // Compared without the dashes: `-json` is meant as `--json`, and no letter is like another.
  std::vector<std::string_view> names;
  for (const auto* all : {&options, &common_options}) {
    for (const OptionWords& option : *all) {
      if (name_of(option).starts_with("--")) names.push_back(name_of(option).substr(2));
    }
  }
  const std::size_t start = std::min(typed.find_first_not_of('-'), typed.size());
  const std::string_view close = nearest(typed.substr(start), names);
  wrong_use(fmt::format("no option '{}'{}", escape(typed),
                        close.empty() ? "" : fmt::format(". Did you mean '--{}'?", close)));
}

Command::Help Command::take_apart() {
  const auto end_of_options = std::ranges::find(*words_, "--");
  Words before = separate_values({words_->begin(), end_of_options});
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::vector<CLI::Option*> declared;
  for (const Bound& option : bound_) {
    const auto store = [&](const CLI::results_t& values) {
      for (const std::string& value : values) {
        const std::string wrong = option.store(value);
        if (!wrong.empty()) bad_value(option.variable, value, wrong);
        if (!option.repeats) break;
      }
      return true;
    };
    declared.push_back(declare(app, option.words, option.repeats, store));
  }
  const std::string last = before.empty() ? std::string{} : before.back();
  std::ranges::reverse(before);
  try {
    app.parse(before);
  } catch (const Failure& failure) {
    bad_value_ = failure;  // Help and wrong use come before it.
  } catch (const CLI::ArgumentMismatch&) {
    // Every option takes one value at most, so only the last word can lack it.
    wrong_use(fmt::format("{} needs a value", escape(last)));
  } catch (const CLI::ParseError& error) {
    wrong_use(error.what());
  }
  for (std::size_t i = 0; i < bound_.size(); ++i) bound_[i].given = declared[i]->count() > 0;
  arguments_ = app.remaining();
  for (const std::string& word : arguments_) {
    if (word.size() > 1 && word.front() == '-') unknown_option(word);
  }
  if (end_of_options != words_->end()) {
    arguments_.insert(arguments_.end(), end_of_options + 1, words_->end());
    after_dashes_ = static_cast<std::size_t>(words_->end() - end_of_options) - 1;
  }
  if (given(&full_help_)) return Help::full;
  return given(&short_help_) ? Help::brief : Help::none;
}

bool Command::parse(Console& console) {
  if (!words_) return false;
  if (const Help help = take_apart(); help != Help::none) {
    console.out.write(help == Help::full ? full_help(*this) : short_help(*this));
    return false;
  }
  check_count();
  console.color = use_color(color_, STDOUT_FILENO);
  console.error_color = use_color(color_, STDERR_FILENO);
  console.terminal = ::isatty(STDOUT_FILENO) == 1;
  console.verbose = verbose_;
  if (bad_value_) throw Failure{*bad_value_};
  for (const auto& [one, other, excludes] : rules_) {
    if (!one.given || other.given != excludes) continue;
    const std::string_view first = name_of(one.words);
    const std::string_view second = name_of(other.words);
    wrong_use(excludes ? fmt::format("{} and {} exclude each other", first, second)
                       : fmt::format("{} needs {}", first, second));
  }
  return true;
}

/// Throws unless there are as many arguments as the command takes.
void Command::check_count() const {
  if (arguments_.size() < arguments_min_) {
    wrong_use(arguments_.empty() ? "which queue?" : "an argument is missing", true);
  }
  if (arguments_.size() <= arguments_max_) return;
  const std::string word = escape(arguments_[arguments_max_]);
  std::string text = fmt::format("'{}' is one argument too many", word);
  for (const Bound& option : bound_) {
    if (option.words.value_if_bare.empty() || !option.given) continue;
    const std::string_view option_name = name_of(option.words);
    text += fmt::format(". A value for {} is written {}={}", option_name, option_name, word);
  }
  wrong_use(text);
}

void Command::bad_value(const void* variable, std::string_view value,
                        std::string_view expected) const {
  throw Failure{kExitBadValue, fmt::format("{}: {} '{}': {}", name, name_of(bound(variable).words),
                                           escape(value), expected)};
}

void Command::wrong_use(std::string_view text, bool missing) const {
  throw UsageError{
      fmt::format("{}: {}", name, text),
      fmt::format("{}help: spoolq {} -h\n", missing ? usage_with_example(*this) : "", name)};
}

}  // namespace spoolq::cli
