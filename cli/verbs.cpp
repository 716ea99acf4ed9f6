// The table of verbs.
#include "cli/verbs.hpp"

#include <algorithm>

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
constexpr std::string_view kInitDetails =
    "Doing it again changes nothing, and completes a queue whose making was interrupted. A "
    "Maildir\n"
    "becomes a queue this way; nothing in it is touched. With SPOOLQ_ROOT set, a bare word that "
    "is\n"
    "no path here is made under it. `spoolq config Q` lists the settings.";

constexpr OptionText kConfigOptions[] = {kJson};
constexpr Example kConfigExamples[] = {
    {"spoolq config jobs", "print all settings"},
    {"spoolq config jobs max_attempts", "print the value of one"},
    {"spoolq config jobs max_attempts=3 keep_done=7d", "set some: all of them or none"},
};
constexpr std::string_view kConfigDetails =
    "Running consumers notice a change within five seconds.";

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
constexpr std::string_view kPutDetails =
    "Without FILE, or where FILE is -, the payload is standard input. Ids are printed one a line,\n"
    "each as soon as its message would survive a power cut. A FILE that cannot be read is\n"
    "reported and the others are put; the exit code is that of the first error.\n"
    "With --each-line an empty line is an empty message, and the last line needs no newline.\n"
    "--sync=fs puts up to 128 messages between two syncs of the whole file system (syncfs); what\n"
    "standard input is slow to give is not waited for. --sync=none syncs nothing: such messages\n"
    "survive the death of the program, not of the machine.";

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
constexpr std::string_view kTakeDetails =
    "A message is acknowledged after all of its payload was written and flushed; when that fails "
    "it\n"
    "goes back. With -o the file is on disk before the acknowledgement, no file is overwritten\n"
    "(.1, .2, ... is appended), and the paths are printed. When fewer than N are there, what is\n"
    "there is taken; when nothing is, the exit code is 1. With --wait and -n, each message is\n"
    "waited for. A message whose payload is damaged is reported and the next one taken.\n"
    "In file names made by --name-as, / and leading dots of a message's fields become _.";

constexpr std::string_view kAckAliases[] = {"done"};
constexpr Example kAckExamples[] = {
    {"spoolq ack jobs \"$path\"", "the message is done; $path is what `take --hold` printed"},
};
constexpr std::string_view kReferenceDetails =
    "REF is the path that `take --hold` printed: exactly that claim is meant, and if it was taken\n"
    "back meanwhile the answer is \"claim lost\" (72). An id serves too, for a held claim only, "
    "and\n"
    "is not fenced: it means whoever holds the message now. The claim of a living consumer is\n"
    "refused (72).";

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
constexpr std::string_view kIdDetails =
    "ID is a whole id, four or more of its first or last characters, @oldest or @newest.";

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
constexpr std::string_view kMoveDetails =
    "A message keeps its id, its state and all that was said of it. On one file system the move "
    "is\n"
    "a rename. Between two it is a copy that is on disk before the original is removed: a crash "
    "in\n"
    "the middle may leave a message in both queues, so that it is delivered twice; none is lost.\n"
    "Claimed messages are not moved. What does not fit the limits of the target stays (65, 75).";

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
constexpr std::string_view kPurgeDetails =
    "Asks on a terminal; elsewhere --force is needed (64). Claimed messages are removed only with\n"
    "--force: whoever holds one learns of it at the end. Prints how many were removed.";

constexpr OptionText kRemoveOptions[] = {
    {.name = "force", .help = "claimed messages too"},
};
constexpr Example kRemoveExamples[] = {
    {"spoolq rm jobs 97d0a11c", "remove a message for good"},
};

constexpr Example kPauseExamples[] = {
    {"spoolq pause jobs", "give nothing out until `spoolq resume jobs`"},
};
constexpr std::string_view kPauseDetails =
    "Puts go on, and so does what consumers hold already. `take` ends with 69, or waits with "
    "--wait;\n"
    "a worker waits. The queue stays paused over restarts of consumers and of the machine: it is "
    "a\n"
    "file, `paused`, in the queue's directory.";
constexpr Example kResumeExamples[] = {
    {"spoolq resume jobs", "the end of `spoolq pause jobs`; those who wait go on at once"},
};

constexpr OptionText kReapOptions[] = {kJson};
constexpr Example kReapExamples[] = {
    {"spoolq reap jobs", "for a queue that nobody takes from"},
};
constexpr std::string_view kReapDetails =
    "Takes back the claims of dead consumers, moves delayed messages that are due, removes what\n"
    "dead writers left and finished messages older than keep_done. Consumers do all this by\n"
    "themselves.";

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
     kReleaseOptions, kReleaseExamples, kReferenceDetails},
    {"extend", kExtendAliases, Group::take, "hold messages longer", "Q REF...", 2, kUnlimited,
     kExtendOptions, kExtendExamples, kReferenceDetails},
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
     kIdDetails},
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
     {}},
    {"retry", kRetryAliases, Group::keep, "try failed messages again", "Q ID...|--all", 1,
     kUnlimited, kRetryOptions, kRetryExamples, kIdDetails},
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
