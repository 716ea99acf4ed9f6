// The words of take, work and the verbs that finish a held claim.
#pragma once

#include <string_view>

#include "cli/verbs/common.hpp"

namespace spoolq::cli {

inline constexpr std::string_view kTakeAliases[] = {"claim"};

inline constexpr OptionText kTakeOptions[] = {
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

inline constexpr Example kTakeExamples[] = {
    {"spoolq take jobs", "the next payload on standard output"},
    {"spoolq take jobs --wait=30s > job", "wait for one, at most 30 seconds"},
    {"spoolq take jobs -n 50 -o inbox --name-as={id}-{name}", "up to 50, as files"},
    {"spoolq take jobs --hold --lease 1h", "claim it, then `spoolq ack jobs PATH`"},
};

inline constexpr OptionText kWorkOptions[] = {
    {.letter = 'j', .value = "N", .help = "up to N jobs at a time; default 1"},
    {.name = "timeout", .value = "D", .help = "a job that runs longer has failed: SIGTERM, then"},
    {.name = "grace", .value = "D", .help = "after this long SIGKILL; default 10s"},
    {.name = "max-attempts", .value = "N", .help = "instead of the setting max_attempts"},
    {.name = "backoff",
     .value = "RANGE",
     .help = "1s..1h: after a failure wait up to 1s, 2s, 4s, ... 1h"},
    {.name = "drain",
     .value = "all",
     .help = "end when no message is ready; =all: and none delayed",
     .value_if_bare = "ready"},
    {.name = "once", .help = "one message, then end"},
    {.name = "max-messages", .value = "N", .help = "end after N messages"},
    {.name = "max-time", .value = "D", .help = "take nothing more after this, and end"},
    {.name = "rate",
     .value = "RATE",
     .help = "start at most so many jobs, such as 10/s, 30/m, 100/h"},
    {.name = "on-success",
     .value = "WHAT",
     .help = "delete, keep (in done/) or mv:QUEUE; default: as keep_done"},
    {.name = "output-dir", .value = "DIR", .help = "a job's standard output goes to DIR/ID"},
    {.name = "joblog", .value = "FILE", .help = "add a line for each job, as GNU parallel does"},
    {.name = "bar", .help = "show progress, on a terminal"},
    {.name = "quiet", .help = "say only what needs somebody"},
    {.name = "log-format", .value = "FORMAT", .help = "text (default), or json: an object a line"},
    {.name = "ack", .value = "HOW", .help = "durable (default), or none: acks are not synced"},
};

inline constexpr Example kWorkExamples[] = {
    {"spoolq work jobs -- wc -c", "run wc for each message, its payload on standard input"},
    {"spoolq work jobs -j 4 --timeout 5m -- sha256sum {}", "four at a time, {} is the file"},
    {"spoolq work jobs --drain --output-dir inbox -- sort", "keep what they print, end when empty"},
};

inline constexpr std::string_view kAckAliases[] = {"done"};

inline constexpr Example kAckExamples[] = {
    {"spoolq ack jobs \"$path\"", "the message is done; $path is what `take --hold` printed"},
};

inline constexpr std::string_view kReleaseAliases[] = {"nack"};

inline constexpr OptionText kReleaseOptions[] = {
    {.name = "delay", .value = "D", .help = "deliver it again not before this long from now"},
};

inline constexpr Example kReleaseExamples[] = {
    {"spoolq release jobs \"$path\"", "give the message back at once"},
    {"spoolq release jobs \"$path\" --delay 5m", "or in five minutes"},
};

inline constexpr std::string_view kExtendAliases[] = {"touch"};

inline constexpr OptionText kExtendOptions[] = {
    {.name = "lease", .value = "D", .help = "from now; default: the setting detached_lease"},
};

inline constexpr Example kExtendExamples[] = {
    {"spoolq extend jobs \"$path\" --lease 1h", "keep the claim for an hour from now"},
};

inline constexpr std::string_view kFailAliases[] = {"bury"};

inline constexpr OptionText kFailOptions[] = {
    {.name = "reason", .value = "TEXT", .help = "why; `spoolq show` tells it"},
};

inline constexpr Example kFailExamples[] = {
    {"spoolq fail jobs \"$path\" --reason 'no such user'", "give the message up"},
};

inline constexpr std::string_view kTakeDetails =
    "A message is acknowledged, and gone, once all of its payload was written and flushed; when\n"
    "that fails it goes back. For work that may fail afterwards, in a pipe behind it for example,\n"
    "there is --hold: the claim is finished by `ack`, `release` or `fail`, or ends with its "
    "lease.\n"
    "With -o the file is on disk before the acknowledgement, no file is overwritten (.1, .2, ... "
    "is\n"
    "appended), and the paths are printed. When fewer than N are there, what is there is taken;\n"
    "when nothing is, the exit code is 1. With --wait and -n, each message is waited for. A "
    "message\n"
    "whose payload is damaged is reported and the next one taken.\n"
    "In file names made by --name-as, / and leading dots of a message's fields become _.";

inline constexpr std::string_view kWorkDetails =
    "CMD is started without a shell, once for each message, with the payload on standard input. "
    "In\n"
    "CMD and ARGS {} is the path of the payload's file, {id} the message's id, {name} its name,\n"
    "whatever they consist of: never put {name} into a script for sh -c, but behind it or after "
    "--.\n"
    "\n"
    "The job's exit code decides: 0 done; 99 done, and the worker stops; 65 and 100 failed at "
    "once;\n"
    "126 and 127 (cannot be executed, not found) given back uncounted, and the worker stops with\n"
    "that code; any other, a signal and the timeout: tried again after the backoff, until the\n"
    "attempts are used up. `spoolq show` tells the reason and the end of the standard error.\n"
    "\n"
    "Environment of the job: SPOOLQ_ID, SPOOLQ_FILE, SPOOLQ_QUEUE, SPOOLQ_ATTEMPT (1 at first),\n"
    "SPOOLQ_MAX_ATTEMPTS, SPOOLQ_ENQUEUED_AT, SPOOLQ_NAME, SPOOLQ_KEY, SPOOLQ_TYPE (empty where "
    "the\n"
    "message has none); TRACEPARENT, TRACESTATE and BAGGAGE from its headers of these names.\n"
    "\n"
    "When a job has ended, what it left running is killed, also when the worker is killed. TERM, "
    "INT\n"
    "or HUP: take nothing more, finish what runs, exit 0. A second TERM or INT: kill the jobs, "
    "give\n"
    "their messages back uncounted. TSTP: take nothing new until CONT. Ends with 0, also when "
    "jobs\n"
    "failed; with --drain or --once on a paused queue with 69.";

inline constexpr std::string_view kReleaseDetails =
    "A message that has used up its attempts (max_attempts) goes to failed/ instead.\n"
    "REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.";

inline constexpr std::string_view kExtendDetails =
    "The end of the lease stands in the file's name, so the message has another path afterwards: "
    "it\n"
    "is printed as by `take --hold`. The old one is still good as REF, but no longer a file.\n"
    "REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.";

}  // namespace spoolq::cli
