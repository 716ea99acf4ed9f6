// The words of ls, show, cat, peek, stats, watch and wait.
#pragma once

#include <string_view>

#include "cli/verbs/common.hpp"

namespace spoolq::cli {

inline constexpr OptionText kListOptions[] = {
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

inline constexpr Example kListExamples[] = {
    {"spoolq ls jobs", "what is there, in order of delivery"},
    {"spoolq ls jobs --state failed -l", "what failed, and why"},
    {"spoolq ls jobs --name '*.jpg' --sort size -r", "the pictures, large ones first"},
    {"spoolq ls jobs --state ready -q | head -1", "the id of the next message"},
};

inline constexpr OptionText kShowOptions[] = {kJson};

inline constexpr Example kShowExamples[] = {
    {"spoolq show jobs 97d0a11c", "all that is known of a message"},
    {"spoolq show jobs @oldest --json", "of the one that was put first"},
};

inline constexpr Example kCatExamples[] = {
    {"spoolq cat jobs 97d0a11c", "the payload of a message, which stays where it is"},
};

inline constexpr OptionText kPeekOptions[] = {
    {.letter = 'n', .value = "N", .help = "the next N; default 1; 0: all"},
};

inline constexpr Example kPeekExamples[] = {
    {"spoolq peek jobs", "the payload of the next message, which stays ready"},
};

inline constexpr OptionText kStatsOptions[] = {
    {.name = "json", .help = "a JSON document for each queue, one a line"},
};

inline constexpr Example kStatsExamples[] = {
    {"spoolq stats jobs mail", "age of the oldest ready message, and counts"},
};

inline constexpr OptionText kWatchOptions[] = {
    {.name = "json", .help = "a JSON document for each event, one a line"},
};

inline constexpr Example kWatchExamples[] = {
    {"spoolq watch jobs", "a line for each thing that happens, until Ctrl-C"},
    {"spoolq watch jobs --json | head -1", "the next thing that happens, for programs"},
};

inline constexpr OptionText kWaitOptions[] = {
    {.name = "empty", .help = "until no message is ready, claimed or delayed"},
    {.name = "timeout", .value = "D", .help = "at most this long; then the exit code is 124"},
};

inline constexpr Example kWaitExamples[] = {
    {"spoolq wait jobs 97d0a11c", "until the message is done, or has failed"},
    {"id=$(spoolq put jobs cat.jpg) && spoolq wait jobs \"$id\"", "put it, and wait for its end"},
    {"spoolq wait jobs --empty --timeout 10m", "until there is nothing left to do"},
};

inline constexpr std::string_view kCatDetails =
    "Its size and checksum are compared at the end: 65 when they do not match.\n"
    "ID is a whole id, four or more of its first or last characters, the path of the message's "
    "file,\n"
    "or @oldest or @newest of those that are not done.";

inline constexpr std::string_view kStatsDetails =
    "Counted by folder: what is due or taken back with nobody there to do it (`spoolq reap`, or "
    "any\n"
    "consumer) still counts as delayed or claimed. BAD is what is in the folder bad/: files that "
    "are\n"
    "no messages, or damaged; spoolq never removes them. BYTES counts all but done and bad.";

inline constexpr std::string_view kWatchDetails =
    "A line is the time, what happened, the end of the message's id, and its original file name.\n"
    "\n"
    "  put        it is new: ready, or delayed\n"
    "  claimed    a consumer has it\n"
    "  gone       it is done, was removed, or went into another queue or into bad/\n"
    "  returned   it is ready again: released, taken back, due, or retried\n"
    "  delayed    it was given back, not to be delivered before some time\n"
    "  failed     it was given up\n"
    "\n"
    "In JSON, state is where the message is then, null when it is nowhere in the queue. What "
    "happened\n"
    "before is not told. When more happens than the system keeps, some of it is lost, which is\n"
    "reported. Watching takes nothing and slows nobody. INT and TERM end it (130, 143).";

inline constexpr std::string_view kWaitDetails =
    "Ends with 0 when the message is done: acknowledged, or removed. When it has failed, the "
    "reason "
    "is\n"
    "reported, and the exit code is the job's own where it is known, else 1. A message that is "
    "tried\n"
    "again is waited for. Of several, all are waited for, and the exit code is that of the first\n"
    "argument whose code is not 0.\n"
    "A message that is nowhere is done, so it does not matter whether the wait begins too late;\n"
    "with the setting keep_done, finished messages are kept, and then it is not found (66). One "
    "that\n"
    "is in bad/ is damaged (65).\n"
    "--empty waits until no message is ready, claimed or delayed; failed and finished ones do not\n"
    "count. While the queue is paused, it waits. It prints nothing on standard output.\n"
    "ID is a whole id, four or more of its first or last characters, the path of the message's "
    "file,\n"
    "or @oldest or @newest of those that are not done, as it is when the wait begins.";

}  // namespace spoolq::cli
