// Parsing the command line. The only file that knows CLI11.
//
// The verb is found by hand, and everything after the first `--` is set aside, so CLI11 sees the
// options of one verb only and no queue is ever mistaken for a verb. What it does not recognise it
// hands back untouched: our arguments, and the options that do not exist.
#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <set>
#include <utility>

#include "cli/units.hpp"
#include "spoolq/units.hpp"

namespace spoolq::cli {
namespace {

using Words = std::vector<std::string>;

/// Letters inserted, removed, replaced, or two neighbours swapped.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before;
  std::vector<std::size_t> above(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1,
                         above[j - 1] + (a[i - 1] == b[j - 1] ? std::size_t{0} : std::size_t{1})});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before = std::exchange(above, std::move(row));
  }
  return above.back();
}

/// The name under which an option's values are found again.
std::string key_of(const OptionText& option) {
  return option.name.empty() ? std::string(1, option.letter) : std::string{option.name};
}

template <typename Function>
void for_each_option(const VerbText& verb, Function function) {
  for (const OptionText& option : verb.options) function(option);
  for (const OptionText& option : common_options()) function(option);
}

const OptionText* find_option(const VerbText& verb, std::string_view name) {
  const OptionText* found = nullptr;
  for_each_option(verb, [&](const OptionText& option) {
    if (!option.name.empty() && option.name == name) found = &option;
  });
  return found;
}

[[noreturn]] void unknown_option(const VerbText& verb, std::string_view word) {
  const std::string_view typed = word.substr(0, word.find('='));
  std::vector<std::string_view> names;
  for_each_option(verb, [&](const OptionText& option) {
    if (!option.name.empty()) names.push_back(option.name);
  });
  // Compared without the dashes: `-json` is meant as `--json`, and no letter is like another.
  const std::size_t start = std::min(typed.find_first_not_of('-'), typed.size());
  const std::string_view close = nearest(typed.substr(start), names);
  std::string message = fmt::format("{}: no option '{}'", verb.name, escape(typed));
  if (!close.empty()) message += fmt::format(". Did you mean '--{}'?", close);
  throw UsageError{message, &verb};
}

/// Writes `--name=value` as two words, which CLI11 takes as they are: with `=` it would read an
/// empty value as a missing one. Options whose value is optional get the value that stands for
/// none, and go on as they are.
Words separate_values(const VerbText& verb, const Words& words) {
  Words result;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    const std::size_t equals = word.find('=');
    const bool is_long = word.starts_with("--");
    const OptionText* option = is_long ? find_option(verb, word.substr(2, equals - 2)) : nullptr;
    if (option == nullptr) {
      result.push_back(word);
    } else if (equals != std::string::npos) {
      if (option->value.empty()) {
        throw UsageError{fmt::format("{}: --{} takes no value", verb.name, option->name), &verb};
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

/// The options and arguments of one verb, as text.
class Parsed {
 public:
  Parsed(const VerbText& verb, const Words& words) : verb_{verb} {
    const auto end_of_options = std::ranges::find(words, "--");
    Words before = separate_values(verb, Words{words.begin(), end_of_options});

    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    std::map<std::string, CLI::Option*> declared;
    for_each_option(
        verb, [&](const OptionText& option) { declared[key_of(option)] = declare(app, option); });
    const std::string last = before.empty() ? std::string{} : before.back();
    std::ranges::reverse(before);
    try {
      app.parse(before);
    } catch (const CLI::ArgumentMismatch&) {
      // Every option takes one value at most, so only the last word can lack it.
      throw UsageError{fmt::format("{}: {} needs a value", verb.name, escape(last)), &verb};
    } catch (const CLI::ParseError& error) {
      throw UsageError{fmt::format("{}: {}", verb.name, error.what()), &verb};
    }
    for (const auto& [key, option] : declared) given_[key] = option->results();
    arguments_ = app.remaining();
    for (const std::string& word : arguments_) {
      if (word.size() > 1 && word.front() == '-') unknown_option(verb, word);
    }
    if (end_of_options != words.end()) {
      arguments_.insert(arguments_.end(), end_of_options + 1, words.end());
    }
  }
  Parsed(const Parsed&) = delete;
  Parsed& operator=(const Parsed&) = delete;

  [[nodiscard]] const VerbText& verb() const { return verb_; }

  /// Throws unless there are as many arguments as the verb takes.
  void check_count() const {
    if (arguments_.size() < verb_.arguments_min) {
      throw UsageError{fmt::format("{}: an argument is missing", verb_.name), &verb_, true};
    }
    if (arguments_.size() > verb_.arguments_max) {
      throw UsageError{fmt::format("{}: '{}' is one argument too many", verb_.name,
                                   escape(arguments_[verb_.arguments_max])),
                       &verb_};
    }
  }
  [[nodiscard]] const Words& arguments() const { return arguments_; }
  /// The first argument.
  [[nodiscard]] const std::string& queue() const { return arguments_.front(); }
  /// The arguments after the first.
  [[nodiscard]] Words rest() const { return {arguments_.begin() + 1, arguments_.end()}; }

  [[nodiscard]] bool flag(const std::string& key) const { return !values(key).empty(); }
  [[nodiscard]] const Words& values(const std::string& key) const { return given_.at(key); }
  /// The last value given.
  [[nodiscard]] std::optional<std::string> value(const std::string& key) const {
    const Words& all = values(key);
    return all.empty() ? std::nullopt : std::optional{all.back()};
  }

  /// Throws the error of a value that cannot be.
  [[noreturn]] void bad_value(const std::string& key, std::string_view value,
                              std::string_view expected) const {
    throw Failure{kExitBadValue,
                  fmt::format("{}: {}{} '{}': {}", verb_.name, key.size() == 1 ? "-" : "--", key,
                              escape(value), expected)};
  }
  [[noreturn]] void wrong_use(std::string_view text) const {
    throw UsageError{fmt::format("{}: {}", verb_.name, text), &verb_};
  }

  [[nodiscard]] std::optional<Duration> duration(const std::string& key) const {
    const auto text = value(key);
    if (!text) return std::nullopt;
    const auto result = parse_duration(*text);
    if (!result)
      bad_value(key, *text, "not a duration such as 250ms, 10s, 5m, 1h, 7d; at most 36500d");
    return result;
  }
  [[nodiscard]] std::optional<std::size_t> number(const std::string& key,
                                                  std::size_t maximum) const {
    const auto text = value(key);
    if (!text) return std::nullopt;
    const auto result = parse_number(*text, maximum);
    if (!result) bad_value(key, *text, fmt::format("not a number from 0 to {}", maximum));
    return static_cast<std::size_t>(*result);
  }
  /// Which of `names` was given, as its place in the list.
  [[nodiscard]] std::size_t choice(const std::string& key,
                                   const std::vector<std::string_view>& names) const {
    const auto text = value(key);
    if (!text) return 0;
    const auto found = std::ranges::find(names, *text);
    if (found == names.end()) {
      bad_value(key, *text, fmt::format("not one of {}", fmt::join(names, ", ")));
    }
    return static_cast<std::size_t>(found - names.begin());
  }

 private:
  static CLI::Option* declare(CLI::App& app, const OptionText& option) {
    std::vector<std::string> spellings;
    if (option.letter != '\0') spellings.push_back(fmt::format("-{}", option.letter));
    if (!option.name.empty()) spellings.push_back(fmt::format("--{}", option.name));
    const std::string names = fmt::format("{}", fmt::join(spellings, ","));
    if (option.value.empty()) return app.add_flag(names);
    // Bound to no variable, because the conversion to one has a meaning of its own for [a,b] and
    // {}.
    return app.add_option(names)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
        ->allow_extra_args(false);
  }

  const VerbText& verb_;
  Words arguments_;
  std::map<std::string, Words> given_;
};

std::vector<SettingChange> parse_settings(const Parsed& parsed) {
  std::vector<SettingChange> settings;
  for (const std::string& word : parsed.rest()) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      parsed.wrong_use(fmt::format("'{}' is not NAME=VALUE", escape(word)));
    }
    settings.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return settings;
}

PutArguments parse_put(const Parsed& parsed) {
  PutArguments put;
  put.queue = parsed.queue();
  put.files = parsed.rest();
  PutOptions& options = put.options;
  options.priority = static_cast<int>(parsed.number("priority", 9).value_or(5));
  options.delay = parsed.duration("delay").value_or(Duration{0});
  if (const auto at = parsed.value("at")) {
    if (parsed.value("delay")) parsed.wrong_use("--delay and --at exclude each other");
    options.due = parse_time(*at, now());
    if (!options.due)
      parsed.bad_value("at", *at, "not a time such as 2026-11-23T03:16:21Z or +10m");
  }
  options.time_to_live = parsed.duration("ttl");
  options.key = parsed.value("key").value_or("");
  options.type = parsed.value("type").value_or("");
  put.named = parsed.value("name").has_value();
  options.name = parsed.value("name").value_or("");
  for (const std::string& header : parsed.values("header")) {
    const std::size_t equals = header.find('=');
    if (equals == std::string::npos || equals == 0) {
      parsed.bad_value("header", header, "not NAME=VALUE");
    }
    options.headers[header.substr(0, equals)] = header.substr(equals + 1);
  }
  if (parsed.flag("each-line") && parsed.flag("each-nul")) {
    parsed.wrong_use("--each-line and --each-nul exclude each other");
  }
  if (parsed.flag("each-line")) put.split = Split::lines;
  if (parsed.flag("each-nul")) put.split = Split::nuls;
  put.sync = std::array{PutSync::durable, PutSync::file_system,
                        PutSync::none}[parsed.choice("sync", {"durable", "fs", "none"})];
  return put;
}

/// Throws unless every {…} of the template is one that is known.
void check_name_template(const Parsed& parsed, const std::string& text) {
  static const std::set<std::string_view> known = {"id", "name", "key", "type", "priority"};
  if (text.empty()) parsed.bad_value("name-as", text, "empty");
  if (text.find('/') != std::string::npos) parsed.bad_value("name-as", text, "has a /");
  for (std::size_t open = text.find('{'); open != std::string::npos; open = text.find('{', open)) {
    const std::size_t close = text.find('}', open);
    if (close == std::string::npos ||
        !known.contains(std::string_view{text}.substr(open + 1, close - open - 1))) {
      parsed.bad_value("name-as", text, "only {id} {name} {key} {type} {priority} are known");
    }
    open = close;
  }
}

TakeArguments parse_take(const Parsed& parsed) {
  TakeArguments take;
  take.queue = parsed.queue();
  take.count = parsed.number("n", 1'000'000'000).value_or(1);
  if (const auto wait = parsed.value("wait")) {
    take.wait.waits = true;
    if (*wait != "forever") take.wait.limit = parsed.duration("wait");
  }
  take.directory = parsed.value("o");
  take.hold = parsed.flag("hold");
  take.nul = parsed.flag("0");
  if (take.hold && take.directory) parsed.wrong_use("--hold and -o exclude each other");
  if (take.hold && parsed.value("ack")) parsed.wrong_use("--hold and --ack exclude each other");
  if (parsed.flag("lines")) {
    if (take.nul) parsed.wrong_use("--lines and -0 exclude each other");
    if (take.hold || take.directory) parsed.wrong_use("--lines is for payloads on standard output");
    take.terminator = "\n";
  } else if (take.nul && !take.hold && !take.directory) {
    take.terminator = std::string(1, '\0');
  }
  if (const auto name_as = parsed.value("name-as")) {
    if (!take.directory) parsed.wrong_use("--name-as needs -o");
    check_name_template(parsed, *name_as);
    take.name_template = *name_as;
  }
  take.lease = parsed.duration("lease");
  if (take.lease && !take.hold) parsed.wrong_use("--lease needs --hold");
  take.ack = parsed.choice("ack", {"durable", "none"}) == 0 ? Sync::durable : Sync::none;
  return take;
}

ListArguments parse_list(const Parsed& parsed) {
  ListArguments list;
  list.queue = parsed.queue();
  std::set<State> wanted;
  for (const std::string& text : parsed.values("state")) {
    std::size_t start = 0;
    while (start <= text.size()) {
      const std::size_t comma = std::min(text.find(',', start), text.size());
      const auto state = parse_state(std::string_view{text}.substr(start, comma - start));
      if (!state) {
        parsed.bad_value("state", text, "not of ready, claimed, delayed, failed, done");
      }
      wanted.insert(*state);
      start = comma + 1;
    }
  }
  if (wanted.empty()) wanted = {State::ready, State::claimed, State::delayed, State::failed};
  list.states = {wanted.begin(), wanted.end()};
  list.count = parsed.number("n", 1'000'000'000);
  list.more = parsed.flag("l");
  list.json = parsed.flag("json");
  list.ids = parsed.flag("q");
  list.nul = parsed.flag("0");
  if (list.json && (list.ids || list.nul || list.more)) {
    parsed.wrong_use("--json excludes -l, -q and -0");
  }
  return list;
}

RetryArguments parse_retry(const Parsed& parsed) {
  RetryArguments retry{parsed.queue(), parsed.rest(), parsed.flag("all")};
  if (retry.all && !retry.ids.empty()) parsed.wrong_use("ids and --all exclude each other");
  if (!retry.all && retry.ids.empty()) {
    throw UsageError{"retry: which messages? Ids, or --all", &parsed.verb(), true};
  }
  return retry;
}

const VerbText& require_verb(std::string_view name) {
  if (const VerbText* verb = find_verb(name)) return *verb;
  std::vector<std::string_view> names;
  for (const VerbText& verb : all_verbs()) {
    names.push_back(verb.name);
    names.insert(names.end(), verb.aliases.begin(), verb.aliases.end());
  }
  const std::string_view close = nearest(name, names);
  throw UsageError{fmt::format("no verb '{}'{}", escape(name),
                               close.empty() ? "" : fmt::format(". Did you mean '{}'?", close)),
                   nullptr};
}

Command parse_command(const Parsed& parsed) {
  const std::string_view verb = parsed.verb().name;
  if (parsed.flag("h") || parsed.flag("help")) {
    return HelpArguments{&parsed.verb(), parsed.flag("help")};
  }
  parsed.check_count();
  if (verb == "help") {
    if (parsed.arguments().empty()) return HelpArguments{nullptr, true};
    return HelpArguments{&require_verb(parsed.arguments().front()), true};
  }
  if (verb == "version") return VersionArguments{parsed.flag("json")};
  if (verb == "init") return InitArguments{parsed.queue(), parse_settings(parsed)};
  if (verb == "config") {
    return ConfigArguments{parsed.queue(), parse_settings(parsed), parsed.flag("json")};
  }
  if (verb == "put") return parse_put(parsed);
  if (verb == "take") return parse_take(parsed);
  if (verb == "ack") return AckArguments{parsed.queue(), parsed.rest()};
  if (verb == "release") {
    return ReleaseArguments{parsed.queue(), parsed.rest(),
                            parsed.duration("delay").value_or(Duration{0})};
  }
  if (verb == "extend") {
    return ExtendArguments{parsed.queue(), parsed.rest(), parsed.duration("lease")};
  }
  if (verb == "fail") {
    return FailArguments{parsed.queue(), parsed.rest(), parsed.value("reason").value_or("")};
  }
  if (verb == "ls") return parse_list(parsed);
  if (verb == "show") {
    return ShowArguments{parsed.queue(), parsed.rest().front(), parsed.flag("json")};
  }
  if (verb == "cat") return CatArguments{parsed.queue(), parsed.rest().front()};
  if (verb == "peek") {
    return PeekArguments{parsed.queue(), parsed.number("n", 1'000'000'000).value_or(1)};
  }
  if (verb == "stats") return StatsArguments{parsed.arguments(), parsed.flag("json")};
  if (verb == "retry") return parse_retry(parsed);
  if (verb == "rm") return RemoveArguments{parsed.queue(), parsed.rest(), parsed.flag("force")};
  if (verb == "pause") return PauseArguments{parsed.queue()};
  if (verb == "resume") return ResumeArguments{parsed.queue()};
  if (verb == "reap") return ReapArguments{parsed.queue(), parsed.flag("json")};
  throw Failure{kExitBug, fmt::format("no parser for the verb '{}'", verb)};
}

}  // namespace

std::string_view nearest(std::string_view typed, const std::vector<std::string_view>& candidates) {
  std::string_view best;
  // Two changes make almost any three letters of any others; that is no resemblance.
  std::size_t best_distance = typed.size() > 3 ? 3 : 2;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(typed, candidate);
    if (distance < best_distance && distance < typed.size()) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty() || typed.size() < 2) return best;
  for (const std::string_view candidate : candidates) {
    if (candidate.starts_with(typed)) return candidate;
  }
  return {};
}

Arguments parse_arguments(const std::vector<std::string>& words) {
  // Common options may stand before the verb: they are handed on behind it.
  Words before;
  auto word = words.begin();
  for (; word != words.end() && word->size() > 1 && word->front() == '-' && *word != "--"; ++word) {
    if (*word == "--version") return {VersionArguments{}};
    before.push_back(*word);
    if (*word == "--color" && word + 1 != words.end()) before.push_back(*++word);
  }
  if (word == words.end()) {
    const VerbText& help = *find_verb("help");
    const Parsed parsed{help, before};
    if (parsed.flag("h") || parsed.flag("help")) {
      return {HelpArguments{nullptr, parsed.flag("help")}};
    }
    throw UsageError{"which verb?", nullptr, true};
  }
  const VerbText& verb = require_verb(*word);
  Words after{word + 1, words.end()};
  after.insert(after.begin(), before.begin(), before.end());
  const Parsed parsed{verb, after};

  Arguments arguments{.command = parse_command(parsed)};
  arguments.color =
      std::array{ColorChoice::automatic, ColorChoice::always,
                 ColorChoice::never}[parsed.choice("color", {"auto", "always", "never"})];
  arguments.verbose = parsed.flag("verbose");
  return arguments;
}

}  // namespace spoolq::cli
