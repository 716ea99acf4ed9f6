// The table of verbs.
#include "cli/verbs.hpp"

#include <algorithm>

#include "cli/verb_details.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kJson{.name = "json", .help = "print JSON"};

constexpr OptionText kKeyOption{
    .name = "key", .value = "KEY", .help = "only messages with this key"};
constexpr OptionText kTypeOption{
    .name = "type", .value = "TYPE", .help = "only messages with this content type"};
constexpr OptionText kNameOption{
    .name = "name", .value = "GLOB", .help = "only messages whose name matches, such as '*.jpg'"};
constexpr OptionText kOlderOption{
    .name = "older", .value = "D", .help = "only messages put longer ago than this"};

constexpr OptionText kCountOption{
    .letter = 'n', .value = "N", .help = "with --all: at most N, in the order of ls"};

constexpr OptionText kCommonOptions[] = {
    {.name = "color", .value = "WHEN", .help = "always, never, or auto (on a terminal)"},
    {.letter = 'v', .name = "verbose", .help = "say more on standard error"},
    {.letter = 'h', .help = "short help, examples first"},
    {.name = "help", .help = "full help"},
};

constexpr Example kInitExamples[] = {
    {"spoolq init jobs", "make a queue in the folder jobs"},
    {"spoolq init jobs max_attempts=3 keep_done=7d", "and set two of its settings"},
};

constexpr OptionText kConfigOptions[] = {kJson};
constexpr Example kConfigExamples[] = {
    {"spoolq config jobs", "print all settings"},
    {"spoolq config jobs max_attempts", "print the value of one"},
    {"spoolq config jobs max_attempts=3 keep_done=7d", "set some: all of them or none"},
};

constexpr std::string_view kPutAliases[] = {"send"};
constexpr OptionText kPutOptions[] = {
    {.name = "priority", .value = "N", .help = "0 (served first) to 9; default 5"},
    {.name = "delay", .value = "D", .help = "not before this long from now, such as 10m"},
    {.name = "at", .value = "T", .help = "not before this time: RFC 3339, or +10m"},
    {.name = "ttl", .value = "D", .help = "not delivered later than this after the put"},
    {.name = "key", .value = "KEY", .help = "a key, carried with the message"},
    {.name = "type", .value = "TYPE", .help = "content type"},
    {.name = "name",
     .value = "NAME",
     .help = "original file name; default: FILE without its folder"},
    {.name = "header", .value = "K=V", .help = "a header; may be given again", .repeatable = true},
    {.name = "sync",
     .value = "HOW",
     .help = "durable (default); fs: one sync of the file system for many messages; none"},
    {.name = "each-line", .help = "one message for each line, without its newline"},
    {.name = "each-nul", .help = "one message for each part that ends in a NUL byte"},
};
constexpr Example kPutExamples[] = {
    {"spoolq put jobs cat.jpg", "the file becomes a message; its id is printed"},
    {"date | spoolq put jobs", "a message from standard input"},
    {"spoolq put jobs --delay 10m --header user=7 cat.jpg", "later, with a header"},
    {"find . -name '*.jpg' -print0 | spoolq put jobs --each-nul", "one message for each name"},
};

constexpr std::string_view kTakeAliases[] = {"claim"};
constexpr OptionText kTakeOptions[] = {
    {.letter = 'n', .value = "N", .help = "take up to N messages; default 1; 0: all there are"},
    {.name = "wait",
     .value = "D",
     .help = "wait for a message, at most D where given",
     .value_if_bare = "forever"},
    {.name = "lines", .help = "write a newline after each payload"},
    {.letter = '0', .help = "write a NUL after each payload, path or claim"},
    {.letter = 'o', .value = "DIR", .help = "write each payload to a file of its own in DIR"},
    {.name = "name-as",
     .value = "TEMPLATE",
     .help = "its name, with -o: {id} {name} {key} {type} {priority}; default {id}"},
    {.name = "ack", .value = "HOW", .help = "durable (default), or none: acks are not synced"},
    {.name = "hold", .help = "claim only; print ID<TAB>PATH and keep the claim"},
    {.name = "lease", .value = "D", .help = "how long a held claim lasts; default: detached_lease"},
};
constexpr Example kTakeExamples[] = {
    {"spoolq take jobs", "the next payload on standard output"},
    {"spoolq take jobs --wait=30s > job", "wait for one, at most 30 seconds"},
    {"spoolq take jobs -n 50 -o inbox --name-as={id}-{name}", "up to 50, as files"},
    {"spoolq take jobs --hold --lease 1h", "claim it, then `spoolq ack jobs PATH`"},
};

constexpr std::string_view kAckAliases[] = {"done"};
constexpr Example kAckExamples[] = {
    {"spoolq ack jobs \"$path\"", "the message is done; $path is what `take --hold` printed"},
};

constexpr std::string_view kReleaseAliases[] = {"nack"};
constexpr OptionText kReleaseOptions[] = {
    {.name = "delay", .value = "D", .help = "deliver it again not before this long from now"},
};
constexpr Example kReleaseExamples[] = {
    {"spoolq release jobs \"$path\"", "give the message back at once"},
    {"spoolq release jobs \"$path\" --delay 5m", "or in five minutes"},
};

constexpr std::string_view kExtendAliases[] = {"touch"};
constexpr OptionText kExtendOptions[] = {
    {.name = "lease", .value = "D", .help = "from now; default: the setting detached_lease"},
};
constexpr Example kExtendExamples[] = {
    {"spoolq extend jobs \"$path\" --lease 1h", "keep the claim for an hour from now"},
};

constexpr std::string_view kFailAliases[] = {"bury"};
constexpr OptionText kFailOptions[] = {
    {.name = "reason", .value = "TEXT", .help = "why; `spoolq show` tells it"},
};
constexpr Example kFailExamples[] = {
    {"spoolq fail jobs \"$path\" --reason 'no such user'", "give the message up"},
};

constexpr OptionText kListOptions[] = {
    {.name = "state",
     .value = "S",
     .help = "ready, claimed, delayed, failed or done; a list, or again; default: all but done",
     .repeatable = true},
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
    {.name = "sort",
     .value = "BY",
     .help = "delivery (default), age (oldest first), size (smallest first), attempts, name"},
    {.letter = 'r', .name = "reverse", .help = "the other way round"},
    {.letter = 'n', .value = "N", .help = "at most N; 0: all; default: 50 on a terminal, else all"},
    {.letter = 'l', .help = "more columns"},
    {.name = "json", .help = "a JSON document for each message, one a line"},
    {.letter = 'q', .help = "whole ids only"},
    {.letter = '0', .help = "paths, or with -q ids, each with a NUL after it"},
};
constexpr Example kListExamples[] = {
    {"spoolq ls jobs", "what is there, in order of delivery"},
    {"spoolq ls jobs --state failed -l", "what failed, and why"},
    {"spoolq ls jobs --name '*.jpg' --sort size -r", "the pictures, large ones first"},
    {"spoolq ls jobs --state ready -q | head -1", "the id of the next message"},
};

constexpr OptionText kShowOptions[] = {kJson};
constexpr Example kShowExamples[] = {
    {"spoolq show jobs 97d0a11c", "all that is known of a message"},
    {"spoolq show jobs @oldest --json", "of the one that was put first"},
};

constexpr Example kCatExamples[] = {
    {"spoolq cat jobs 97d0a11c", "the payload of a message, which stays where it is"},
};

constexpr OptionText kPeekOptions[] = {
    {.letter = 'n', .value = "N", .help = "the next N; default 1; 0: all"},
};
constexpr Example kPeekExamples[] = {
    {"spoolq peek jobs", "the payload of the next message, which stays ready"},
};

constexpr OptionText kStatsOptions[] = {
    {.name = "json", .help = "a JSON document for each queue, one a line"},
};
constexpr Example kStatsExamples[] = {
    {"spoolq stats jobs mail", "age of the oldest ready message, and counts"},
};

constexpr std::string_view kRetryAliases[] = {"kick"};
constexpr OptionText kRetryOptions[] = {
    {.name = "all", .help = "all failed messages; prints how many"},
    kCountOption,
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
};
constexpr Example kRetryExamples[] = {
    {"spoolq retry jobs 97d0a11c", "try a failed message again"},
    {"spoolq retry jobs --all", "try all of them again"},
};

constexpr OptionText kMoveOptions[] = {
    {.name = "all", .help = "all that are ready, delayed or failed; prints how many"},
    kCountOption,
    {.name = "state",
     .value = "S",
     .help = "only those that are ready, delayed, failed or done; a list, or again",
     .repeatable = true},
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
    {.name = "dry-run", .help = "print the ids and move nothing"},
};
constexpr Example kMoveExamples[] = {
    {"spoolq mv jobs mail 97d0a11c", "one message from jobs to mail"},
    {"spoolq mv jobs mail --all --state failed", "all dead letters, which stay failed there"},
    {"spoolq mv jobs mail --all --key user/7", "all with that key"},
};

constexpr OptionText kPurgeOptions[] = {
    {.name = "state",
     .value = "S",
     .help = "those that are ready, claimed, delayed, failed or done; a list, or again",
     .repeatable = true},
    {.name = "all", .help = "those in any state"},
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
    {.name = "force", .help = "do not ask; claimed messages too"},
    {.name = "dry-run", .help = "print the ids and remove nothing"},
};
constexpr Example kPurgeExamples[] = {
    {"spoolq purge jobs --state failed --older 7d --force", "old dead letters"},
    {"spoolq purge jobs --state ready,delayed --dry-run", "the ids of what would be removed"},
};

constexpr OptionText kRemoveOptions[] = {
    {.name = "force", .help = "claimed messages too"},
};
constexpr Example kRemoveExamples[] = {
    {"spoolq rm jobs 97d0a11c", "remove a message for good"},
};

constexpr Example kPauseExamples[] = {
    {"spoolq pause jobs", "give nothing out until `spoolq resume jobs`"},
};
constexpr Example kResumeExamples[] = {
    {"spoolq resume jobs", "the end of `spoolq pause jobs`; those who wait go on at once"},
};

constexpr OptionText kReapOptions[] = {kJson};
constexpr Example kReapExamples[] = {
    {"spoolq reap jobs", "for a queue that nobody takes from"},
};

constexpr OptionText kVersionOptions[] = {kJson};
constexpr Example kVersionExamples[] = {{"spoolq version --json", "for programs"}};
constexpr Example kHelpExamples[] = {{"spoolq help put", "all about put"}};

constexpr VerbText kVerbs[] = {
    {"init",
     {},
     Group::start,
     "make a queue",
     "Q [k=v...]",
     1,
     kUnlimited,
     {},
     kInitExamples,
     kInitDetails},
    {"config",
     {},
     Group::start,
     "print or change settings",
     "Q [k|k=v...]",
     1,
     kUnlimited,
     kConfigOptions,
     kConfigExamples,
     kConfigDetails},
    {"put", kPutAliases, Group::send, "put messages into a queue", "Q [FILE...|-]", 1, kUnlimited,
     kPutOptions, kPutExamples, kPutDetails},
    {"take", kTakeAliases, Group::take, "take the next messages", "Q", 1, 1, kTakeOptions,
     kTakeExamples, kTakeDetails},
    {"ack",
     kAckAliases,
     Group::take,
     "finish held messages",
     "Q REF...",
     2,
     kUnlimited,
     {},
     kAckExamples,
     kReferenceDetails},
    {"release", kReleaseAliases, Group::take, "give held messages back", "Q REF...", 2, kUnlimited,
     kReleaseOptions, kReleaseExamples, kReleaseDetails},
    {"extend", kExtendAliases, Group::take, "hold messages longer", "Q REF...", 2, kUnlimited,
     kExtendOptions, kExtendExamples, kExtendDetails},
    {"fail", kFailAliases, Group::take, "give held messages up", "Q REF...", 2, kUnlimited,
     kFailOptions, kFailExamples, kReferenceDetails},
    {"ls", {}, Group::look, "list messages", "Q", 1, 1, kListOptions, kListExamples, {}},
    {"show",
     {},
     Group::look,
     "all that is known of a message",
     "Q ID",
     2,
     2,
     kShowOptions,
     kShowExamples,
     kIdDetails},
    {"cat",
     {},
     Group::look,
     "print the payload of a message",
     "Q ID",
     2,
     2,
     {},
     kCatExamples,
     kCatDetails},
    {"peek",
     {},
     Group::look,
     "print the next payloads, taking nothing",
     "Q",
     1,
     1,
     kPeekOptions,
     kPeekExamples,
     {}},
    {"stats",
     {},
     Group::look,
     "counts and ages",
     "Q...",
     1,
     kUnlimited,
     kStatsOptions,
     kStatsExamples,
     kStatsDetails},
    {"retry", kRetryAliases, Group::keep, "try failed messages again", "Q ID...|--all", 1,
     kUnlimited, kRetryOptions, kRetryExamples, kRetryDetails},
    {"mv",
     {},
     Group::keep,
     "move messages into another queue",
     "Q TARGET ID...|--all",
     2,
     kUnlimited,
     kMoveOptions,
     kMoveExamples,
     kMoveDetails},
    {"rm",
     {},
     Group::keep,
     "remove messages",
     "Q ID...",
     2,
     kUnlimited,
     kRemoveOptions,
     kRemoveExamples,
     kIdDetails},
    {"purge",
     {},
     Group::keep,
     "remove many messages",
     "Q --state S|--all",
     1,
     1,
     kPurgeOptions,
     kPurgeExamples,
     kPurgeDetails},
    {"pause",
     {},
     Group::keep,
     "give nothing out for a while",
     "Q",
     1,
     1,
     {},
     kPauseExamples,
     kPauseDetails},
    {"resume", {}, Group::keep, "give messages out again", "Q", 1, 1, {}, kResumeExamples, {}},
    {"reap",
     {},
     Group::keep,
     "take back dead claims, move due messages",
     "Q",
     1,
     1,
     kReapOptions,
     kReapExamples,
     kReapDetails},
    {"version",
     {},
     Group::other,
     "print the version",
     "",
     0,
     0,
     kVersionOptions,
     kVersionExamples,
     {}},
    {"help", {}, Group::other, "explain a verb", "[VERB]", 0, 1, {}, kHelpExamples, {}},
};

}  // namespace

std::span<const VerbText> all_verbs() { return kVerbs; }

std::span<const OptionText> common_options() { return kCommonOptions; }

const VerbText* find_verb(std::string_view name) {
  for (const VerbText& verb : kVerbs) {
    if (verb.name == name || std::ranges::find(verb.aliases, name) != verb.aliases.end()) {
      return &verb;
    }
  }
  return nullptr;
}

std::string_view heading_of(Group group) {
  switch (group) {
    case Group::start:
      return "Start";
    case Group::send:
      return "Send";
    case Group::take:
      return "Take";
    case Group::look:
      return "Look";
    case Group::keep:
      return "Keep";
    case Group::other:
      return "Other";
  }
  return {};
}

}  // namespace spoolq::cli
