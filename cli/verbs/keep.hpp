// The words of the verbs that move, remove and keep messages, of version and of help.
#pragma once

#include <string_view>

#include "cli/verbs/common.hpp"

namespace spoolq::cli {

inline constexpr std::string_view kRetryAliases[] = {"kick"};

inline constexpr OptionText kRetryOptions[] = {
    {.name = "all", .help = "all failed messages; prints how many"},
    kCountOption,
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
};

inline constexpr Example kRetryExamples[] = {
    {"spoolq retry jobs 97d0a11c", "try a failed message again"},
    {"spoolq retry jobs --all", "try all of them again"},
};

inline constexpr OptionText kMoveOptions[] = {
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

inline constexpr Example kMoveExamples[] = {
    {"spoolq mv jobs mail 97d0a11c", "one message from jobs to mail"},
    {"spoolq mv jobs mail --all --state failed", "all dead letters, which stay failed there"},
    {"spoolq mv jobs mail --all --key user/7", "all with that key"},
};

inline constexpr OptionText kExportOptions[] = {
    {.name = "to", .value = "KIND", .help = "tar (default), or maildir: into the Maildir DIR"},
    {.letter = 'o',
     .name = "output",
     .value = "FILE",
     .help = "the archive, a new file; default: standard output"},
    {.name = "state",
     .value = "S",
     .help = "only those that are ready, delayed, failed or done; a list, or again",
     .repeatable = true},
    kKeyOption,
    kTypeOption,
    kNameOption,
    kOlderOption,
    {.name = "move", .help = "remove each message once its copy is safe on disk"},
};

inline constexpr Example kExportExamples[] = {
    {"spoolq export jobs -o jobs.tar", "all that is ready, delayed or failed, as a tar archive"},
    {"spoolq export jobs --state failed --to=maildir dead", "dead letters, for a mail reader"},
    {"spoolq export jobs | tar -t", "and what is in it"},
};

inline constexpr OptionText kPurgeOptions[] = {
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

inline constexpr Example kPurgeExamples[] = {
    {"spoolq purge jobs --state failed --older 7d --force", "old dead letters"},
    {"spoolq purge jobs --state ready,delayed --dry-run", "the ids of what would be removed"},
};

inline constexpr OptionText kRemoveOptions[] = {
    {.name = "force", .help = "claimed messages too"},
};

inline constexpr Example kRemoveExamples[] = {
    {"spoolq rm jobs 97d0a11c", "remove a message for good"},
};

inline constexpr Example kPauseExamples[] = {
    {"spoolq pause jobs", "give nothing out until `spoolq resume jobs`"},
};

inline constexpr Example kResumeExamples[] = {
    {"spoolq resume jobs", "the end of `spoolq pause jobs`; those who wait go on at once"},
};

inline constexpr OptionText kReapOptions[] = {kJson};

inline constexpr Example kReapExamples[] = {
    {"spoolq reap jobs", "for a queue that nobody takes from"},
};

inline constexpr std::string_view kRetryDetails =
    "The message is ready again, with no attempt counted and without its reason. One whose time "
    "to\n"
    "live was over has none any more.\n"
    "ID is a whole id, four or more of its first or last characters, the path of the message's "
    "file,\n"
    "or @oldest or @newest.";

inline constexpr std::string_view kMoveDetails =
    "A message keeps its id, its state and all that was said of it. On one file system the move "
    "is\n"
    "a rename. Between two it is a copy that is on disk before the original is removed: a crash "
    "in\n"
    "the middle may leave a message in both queues, so that it is delivered twice; none is lost.\n"
    "Claimed messages are not moved. What does not fit the limits of the target stays (65, 75).\n"
    "Dead letters stay dead: `spoolq retry TARGET --all` makes them ready there.";

inline constexpr std::string_view kExportDetails =
    "The queue stays as it is, unless --move is given: then a message is removed once its copy is\n"
    "safe on disk, so not when the archive goes into a pipe (64). What is claimed meanwhile is "
    "left\n"
    "out and reported; in an archive, which cannot be taken back, its copy stays. Claimed "
    "messages\n"
    "are not exported.\n"
    "In the archive (pax format) a message is FOLDER/NAME, as in the queue, with its headers and "
    "its\n"
    "reason as extended attributes. `tar -x --xattrs -f FILE -C Q` brings all of it back into a "
    "queue\n"
    "that is paused meanwhile (`spoolq pause`). FILE must not exist yet.\n"
    "In the Maildir, which is made where it is missing, a message has a name made from its id: "
    "doing\n"
    "it again doubles nothing. Its time is that of the put; priority, key, type, name, time to "
    "live,\n"
    "headers and reason stay behind, and are gone with --move.";

inline constexpr std::string_view kPurgeDetails =
    "Asks on a terminal; elsewhere --force is needed (64). Claimed messages are removed only with\n"
    "--force: whoever holds one learns of it at the end. Prints how many were removed.";

inline constexpr std::string_view kPauseDetails =
    "Puts go on, and so does what consumers hold already. `take` ends with 69, or waits with "
    "--wait;\n"
    "a worker waits. The queue stays paused over restarts of consumers and of the machine: it is "
    "a\n"
    "file, `paused`, in the queue's directory.";

inline constexpr std::string_view kReapDetails =
    "Takes back the claims of dead consumers, moves delayed messages that are due, fails those "
    "whose\n"
    "time to live is over, removes what dead writers left and finished messages older than\n"
    "keep_done. Consumers do all this by themselves.";

inline constexpr OptionText kVersionOptions[] = {kJson};

inline constexpr Example kVersionExamples[] = {{"spoolq version --json", "for programs"}};

inline constexpr Example kHelpExamples[] = {{"spoolq help put", "all about put"}};

}  // namespace spoolq::cli
