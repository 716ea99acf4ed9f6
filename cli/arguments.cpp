// What each verb makes of its options and arguments.
#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "cli/exit_codes.hpp"
#include "cli/nearest.hpp"
#include "cli/parsed.hpp"
#include "cli/units.hpp"
#include "cli/usage_error.hpp"

namespace spoolq::cli {
namespace {

using Words = std::vector<std::string>;

/// The largest -n.
constexpr std::size_t kCountMax = 1'000'000'000;

/// NAME=VALUE, taken apart.
SettingChange parse_setting(const Parsed& parsed, const std::string& word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    parsed.wrong_use(fmt::format("'{}' is not NAME=VALUE", escape(word)));
  }
  return {word.substr(0, equals), word.substr(equals + 1)};
}

/// Throws for a queue's name that looks like a setting: the queue was forgotten.
void require_queue(const Parsed& parsed) {
  const std::string& word = parsed.queue();
  const std::size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return;
  if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") != equals) return;
  parsed.wrong_use(fmt::format("which queue? '{}' is a setting", escape(word)), true);
}

InitArguments parse_init(const Parsed& parsed) {
  require_queue(parsed);
  InitArguments init{parsed.queue(), parsed.value("inbox"), {}};
  for (const std::string& word : parsed.rest()) {
    init.settings.push_back(parse_setting(parsed, word));
  }
  return init;
}

ConfigArguments parse_config(const Parsed& parsed) {
  require_queue(parsed);
  ConfigArguments config{parsed.queue(), {}, {}, parsed.flag("json")};
  for (const std::string& word : parsed.rest()) {
    if (word.find('=') == std::string::npos) {
      config.names.push_back(word);
    } else {
      config.settings.push_back(parse_setting(parsed, word));
    }
  }
  if (config.json && !config.names.empty()) parsed.wrong_use("--json prints all settings");
  return config;
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

std::optional<Duration> parse_lease(const Parsed& parsed) {
  const auto lease = parsed.duration("lease");
  if (lease && *lease <= Duration{0}) {
    parsed.bad_value("lease", *parsed.value("lease"), "it would be over at once");
  }
  return lease;
}

TakeArguments parse_take(const Parsed& parsed) {
  TakeArguments take;
  take.queue = parsed.queue();
  take.count = parsed.number("n", kCountMax).value_or(1);
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
  take.lease = parse_lease(parsed);
  if (take.lease && !take.hold) parsed.wrong_use("--lease needs --hold");
  take.ack = parsed.choice("ack", {"durable", "none"}) == 0 ? Sync::durable : Sync::none;
  return take;
}

/// What --state says: any number of states, each a list.
std::vector<State> parse_states(const Parsed& parsed, const std::vector<State>& if_none) {
  std::set<State> states;
  for (const std::string& text : parsed.values("state")) {
    std::size_t start = 0;
    while (start <= text.size()) {
      const std::size_t comma = std::min(text.find(',', start), text.size());
      const auto state = parse_state(std::string_view{text}.substr(start, comma - start));
      if (!state) {
        parsed.bad_value("state", text, "not of ready, claimed, delayed, failed, done");
      }
      states.insert(*state);
      start = comma + 1;
    }
  }
  if (states.empty()) return if_none;
  return {states.begin(), states.end()};
}

/// The options of a selection; the states come from elsewhere.
Selection parse_selection(const Parsed& parsed, std::vector<State> states) {
  Selection selection;
  selection.states = std::move(states);
  selection.key = parsed.value("key");
  selection.type = parsed.value("type");
  selection.name = parsed.value("name");
  selection.older = parsed.duration("older");
  for (const char* option : {"key", "type", "name"}) {
    // An unset variable in a script would choose every message without one.
    if (parsed.value(option) == "") parsed.bad_value(option, "", "empty");
  }
  return selection;
}

/// Ids, or --all and what narrows it. Throws unless it is the one or the other.
void require_ids_or_all(const Parsed& parsed, const Words& ids, const Selection& selection) {
  const bool all = parsed.flag("all");
  if (all && !ids.empty()) parsed.wrong_use("ids and --all exclude each other");
  if (!all && ids.empty()) parsed.wrong_use("which messages? Ids, or --all", true);
  if (!all && selection.narrow()) {
    parsed.wrong_use("--key, --type, --name and --older choose from --all");
  }
}

ListArguments parse_list(const Parsed& parsed) {
  ListArguments list;
  list.queue = parsed.queue();
  list.selection = parse_selection(
      parsed, parse_states(parsed, {State::ready, State::claimed, State::delayed, State::failed}));
  list.order = std::array{
      Order::delivery, Order::age, Order::size, Order::attempts,
      Order::name}[parsed.choice("sort", {"delivery", "age", "size", "attempts", "name"})];
  list.reverse = parsed.flag("reverse");
  list.count = parsed.number("n", kCountMax);
  list.more = parsed.flag("l");
  list.json = parsed.flag("json");
  list.ids = parsed.flag("q");
  list.nul = parsed.flag("0");
  if (list.json && (list.ids || list.nul || list.more)) {
    parsed.wrong_use("--json excludes -l, -q and -0");
  }
  return list;
}

AdoptArguments parse_adopt(const Parsed& parsed) {
  AdoptArguments adopt{.directory = parsed.queue(), .queue = parsed.arguments()[1]};
  constexpr std::array kCompletions{Completion::automatic, Completion::rename, Completion::close,
                                    Completion::stable,    Completion::marker, Completion::lease};
  std::vector<std::string_view> names;
  names.reserve(kCompletions.size());
  for (const Completion each : kCompletions) names.push_back(to_string(each));
  adopt.options.done = kCompletions.at(parsed.choice("done", names));
  adopt.options.settle = parsed.duration("settle");
  adopt.options.keep = parsed.flag("keep");
  adopt.follow = parsed.flag("follow");
  adopt.dry_run = parsed.flag("dry-run");
  adopt.json = parsed.flag("json");
  if (adopt.follow && adopt.dry_run) parsed.wrong_use("--follow and --dry-run exclude each other");
  const bool timed =
      adopt.options.done != Completion::rename && adopt.options.done != Completion::marker;
  if (adopt.options.settle && !timed) {
    parsed.wrong_use(
        fmt::format("--settle has no meaning with --done={}", to_string(adopt.options.done)));
  }
  return adopt;
}

ImportArguments parse_import(const Parsed& parsed) {
  if (!parsed.flag("from")) parsed.wrong_use("whose queue is it? --from=dirq, maildir or nq", true);
  constexpr std::array kFormats{ImportFormat::dirq, ImportFormat::maildir, ImportFormat::nq};
  std::vector<std::string_view> names;
  names.reserve(kFormats.size());
  for (const ImportFormat each : kFormats) names.push_back(to_string(each));
  return {.directory = parsed.queue(),
          .queue = parsed.arguments()[1],
          .format = kFormats.at(parsed.choice("from", names)),
          .options = {.keep = parsed.flag("keep")},
          .dry_run = parsed.flag("dry-run"),
          .json = parsed.flag("json")};
}

WaitArguments parse_wait(const Parsed& parsed) {
  WaitArguments wait{parsed.queue(), parsed.rest(), parsed.duration("timeout")};
  const bool empty = parsed.flag("empty");
  if (empty && !wait.ids.empty()) parsed.wrong_use("ids and --empty exclude each other");
  if (!empty && wait.ids.empty()) parsed.wrong_use("what for? Ids, or --empty", true);
  return wait;
}

RetryArguments parse_retry(const Parsed& parsed) {
  RetryArguments retry{parsed.queue(), parsed.rest(), parse_selection(parsed, {State::failed})};
  retry.selection.count = parsed.number("n", kCountMax).value_or(0);
  require_ids_or_all(parsed, retry.ids, retry.selection);
  return retry;
}

MoveArguments parse_move(const Parsed& parsed) {
  MoveArguments move;
  move.queue = parsed.queue();
  move.target = parsed.arguments()[1];
  move.ids = {parsed.arguments().begin() + 2, parsed.arguments().end()};
  move.dry_run = parsed.flag("dry-run");
  // By name also what is done; all means what there is still to do.
  std::vector<State> states{State::ready, State::delayed, State::failed};
  if (!move.ids.empty()) states.push_back(State::done);
  move.selection = parse_selection(parsed, parse_states(parsed, states));
  move.selection.count = parsed.number("n", kCountMax).value_or(0);
  if (move.selection.has(State::claimed)) {
    parsed.bad_value("state", "claimed", "claimed messages are not moved");
  }
  require_ids_or_all(parsed, move.ids, move.selection);
  return move;
}

ExportArguments parse_export(const Parsed& parsed) {
  ExportArguments made;
  made.queue = parsed.queue();
  made.format =
      std::array{ExportFormat::tar, ExportFormat::maildir}[parsed.choice("to", {"tar", "maildir"})];
  const bool is_maildir = made.format == ExportFormat::maildir;
  if (!parsed.rest().empty()) made.directory = parsed.rest().front();
  if (is_maildir && !made.directory) parsed.wrong_use("--to=maildir needs DIR", true);
  if (!is_maildir && made.directory)
    parsed.wrong_use("DIR is for --to=maildir; an archive: -o FILE");
  made.output = parsed.value("output");
  if (is_maildir && made.output) parsed.wrong_use("-o is for --to=tar");
  made.selection =
      parse_selection(parsed, parse_states(parsed, {State::ready, State::delayed, State::failed}));
  if (made.selection.has(State::claimed)) {
    parsed.bad_value("state", "claimed", "claimed messages are not exported");
  }
  made.move = parsed.flag("move");
  return made;
}

PurgeArguments parse_purge(const Parsed& parsed) {
  PurgeArguments purge;
  purge.queue = parsed.queue();
  purge.force = parsed.flag("force");
  purge.dry_run = parsed.flag("dry-run");
  purge.selection =
      parse_selection(parsed, parse_states(parsed, {State::ready, State::claimed, State::delayed,
                                                    State::failed, State::done}));
  const bool all = parsed.flag("all");
  const bool states = parsed.flag("state");
  if (all && states) parsed.wrong_use("--state and --all exclude each other");
  if (!all && !states) parsed.wrong_use("which messages? --state S, or --all", true);
  return purge;
}

/// Words that people bring from other queues, and the verb that does it here.
std::string_view verb_elsewhere_called(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 24> kNames{{
      {"create", "init"},  {"new", "init"},     {"add", "put"},       {"enqueue", "put"},
      {"publish", "put"},  {"push", "put"},     {"write", "put"},     {"consume", "take"},
      {"dequeue", "take"}, {"get", "take"},     {"next", "take"},     {"pop", "take"},
      {"receive", "take"}, {"reserve", "take"}, {"commit", "ack"},    {"delete", "rm"},
      {"remove", "rm"},    {"reject", "fail"},  {"redrive", "retry"}, {"requeue", "retry"},
      {"list", "ls"},      {"count", "stats"},  {"status", "stats"},  {"info", "stats"},
  }};
  for (const auto& [word, verb] : kNames) {
    if (word == name) return verb;
  }
  return {};
}

const VerbText& require_verb(std::string_view name) {
  if (const VerbText* verb = find_verb(name)) return *verb;
  std::vector<std::string_view> names;
  for (const VerbText& verb : all_verbs()) {
    names.push_back(verb.name);
    names.insert(names.end(), verb.aliases.begin(), verb.aliases.end());
  }
  std::string_view close = verb_elsewhere_called(name);
  if (close.empty()) close = nearest(name, names);
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
  if (verb == "init") return parse_init(parsed);
  if (verb == "config") return parse_config(parsed);
  if (verb == "put") return parse_put(parsed);
  if (verb == "take") return parse_take(parsed);
  if (verb == "adopt") return parse_adopt(parsed);
  if (verb == "import") return parse_import(parsed);
  if (verb == "work") return parse_work(parsed);
  if (verb == "ack") return AckArguments{parsed.queue(), parsed.rest()};
  if (verb == "release") {
    return ReleaseArguments{parsed.queue(), parsed.rest(),
                            parsed.duration("delay").value_or(Duration{0})};
  }
  if (verb == "extend") {
    return ExtendArguments{parsed.queue(), parsed.rest(), parse_lease(parsed)};
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
    return PeekArguments{parsed.queue(), parsed.number("n", kCountMax).value_or(1)};
  }
  if (verb == "stats") return StatsArguments{parsed.arguments(), parsed.flag("json")};
  if (verb == "watch") return WatchArguments{parsed.queue(), parsed.flag("json")};
  if (verb == "wait") return parse_wait(parsed);
  if (verb == "retry") return parse_retry(parsed);
  if (verb == "mv") return parse_move(parsed);
  if (verb == "export") return parse_export(parsed);
  if (verb == "purge") return parse_purge(parsed);
  if (verb == "rm") return RemoveArguments{parsed.queue(), parsed.rest(), parsed.flag("force")};
  if (verb == "pause") return PauseArguments{parsed.queue()};
  if (verb == "resume") return ResumeArguments{parsed.queue()};
  if (verb == "reap") return ReapArguments{parsed.queue(), parsed.flag("json")};
  throw Failure{kExitBug, fmt::format("no parser for the verb '{}'", verb)};
}

}  // namespace

Arguments parse_arguments(const std::vector<std::string>& words) {
  // Common options may stand before the verb: they are handed on behind it.
  Words before;
  auto word = words.begin();
  for (; word != words.end() && word->size() > 1 && word->front() == '-' && *word != "--"; ++word) {
    if (*word == "--version" || *word == "-V") return {VersionArguments{}};
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
  if (find_verb(*word) == nullptr && word + 1 != words.end() && find_verb(word[1]) != nullptr) {
    throw UsageError{fmt::format("no verb '{}'. The verb comes first: spoolq {} {}", escape(*word),
                                 word[1], shell_quote(*word)),
                     nullptr};
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
