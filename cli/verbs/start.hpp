// The words of init and config.
#pragma once

#include <string_view>

#include "cli/verbs/common.hpp"

namespace spoolq::cli {

inline constexpr OptionText kInitOptions[] = {
    {.name = "inbox",
     .value = "DIR",
     .help = "the folder DIR, into which other programs drop files, is new/ of the queue"},
};

inline constexpr Example kInitExamples[] = {
    {"spoolq init jobs", "make a queue in the folder jobs"},
    {"spoolq init jobs max_attempts=3 keep_done=7d", "and set two of its settings"},
    {"spoolq init jobs --inbox inbox", "a queue of the files that are dropped into inbox"},
};

inline constexpr OptionText kConfigOptions[] = {kJson};

inline constexpr Example kConfigExamples[] = {
    {"spoolq config jobs", "print all settings"},
    {"spoolq config jobs max_attempts", "print the value of one"},
    {"spoolq config jobs max_attempts=3 keep_done=7d", "set some: all of them or none"},
};

inline constexpr std::string_view kInitDetails =
    "Doing it again changes nothing, and completes a queue whose making was interrupted. A "
    "Maildir\n"
    "becomes a queue this way; nothing in it is touched. With SPOOLQ_ROOT set, a bare word that "
    "is\n"
    "no path here is made under it. `spoolq config Q` lists the settings.\n"
    "\n"
    "With --inbox the programs that drop files into DIR go on as they are: Q/new is a link to it.\n"
    "Each file there is a message once it is complete: at once when it came by rename or link, "
    "else\n"
    "when nobody writes to it and it was left alone for `settle`. Names that begin with a dot or "
    "end\n"
    "in .tmp, .part, .crdownload or ~ are left alone, folders too. What is given back appears in "
    "DIR\n"
    "under a name of spoolq's. DIR must exist, be on the file system of Q (Q may be DIR/.spoolq), "
    "and\n"
    "keeps its owner and mode.";

inline constexpr std::string_view kConfigDetails =
    "All of them are set or none; running consumers notice at once.\n"
    "\n"
    "  max_attempts     how often a message is given out before it goes to failed/\n"
    "  backoff          how long a message waits after a failed run: a random time up to 1s, then "
    "2s,\n"
    "                   4s, ..., 1h for 1s..1h; or off\n"
    "  lease            a claim that is not finished or extended for so long is taken back; off\n"
    "  crash_count      relaxed, or durable: a run that crashes the machine counts, too\n"
    "  detached_lease   how long a held claim lasts (take --hold) that does not say\n"
    "  keep_done        finished messages: off, on, or how long they are kept\n"
    "  settle           how long a file that was written in place must be left alone\n"
    "  order            relaxed, or strict: every consumer tries the best message first\n"
    "  max_messages     put is refused (75) while so many are ready, claimed or delayed\n"
    "  max_bytes        the same, for the bytes of their payloads\n"
    "  max_size         put is refused (65) for a larger payload\n"
    "  min_free         put is refused (75) when less would be left on the disk\n"
    "  mode             mode of the folders; files get it without the x bits. 2770 shares a queue\n"
    "                   with the group that owns its folder";

}  // namespace spoolq::cli
