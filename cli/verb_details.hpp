// The paragraphs that `spoolq VERB --help` ends with.
#pragma once

#include <string_view>

namespace spoolq::cli {

inline constexpr std::string_view kInitDetails =
    "Doing it again changes nothing, and completes a queue whose making was interrupted. A "
    "Maildir\n"
    "becomes a queue this way; nothing in it is touched. With SPOOLQ_ROOT set, a bare word that "
    "is\n"
    "no path here is made under it. `spoolq config Q` lists the settings.";

inline constexpr std::string_view kConfigDetails =
    "All of them are set or none; running consumers notice at once.\n"
    "\n"
    "  max_attempts     how often a message is given out before it goes to failed/\n"
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

inline constexpr std::string_view kPutDetails =
    "Without FILE, or where FILE is -, the payload is standard input. Ids are printed one a line,\n"
    "each as soon as its message would survive a power cut. A FILE that cannot be read is\n"
    "reported and the others are put; the exit code is that of the first error.\n"
    "With --each-line an empty line is an empty message, and the last line needs no newline.\n"
    "Header names are of a-z 0-9 . _ -, all headers together at most 2,048 bytes; key, type and "
    "name\n"
    "at most 98 bytes in the file's name. Nothing is deduplicated or ordered by the key. A "
    "message\n"
    "whose time to live is over goes to failed/.\n"
    "--sync=fs puts up to 128 messages between two syncs of the whole file system (syncfs); what\n"
    "standard input is slow to give is not waited for. --sync=none syncs nothing: such messages\n"
    "survive the death of the program, not of the machine.";

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

inline constexpr std::string_view kReferenceDetails =
    "REF is the path that `take --hold` printed: exactly that claim is meant, and if it was taken\n"
    "back meanwhile the answer is \"claim lost\" (72). An id serves too, for a held claim only, "
    "and\n"
    "is not fenced: it means whoever holds the message now. The claim of a living consumer is\n"
    "refused (72). Of several, those that can be finished are; the exit code is the first error's.";

inline constexpr std::string_view kReleaseDetails =
    "A message that has used up its attempts (max_attempts) goes to failed/ instead.\n"
    "REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.";

inline constexpr std::string_view kExtendDetails =
    "The end of the lease stands in the file's name, so the message has another path afterwards: "
    "it\n"
    "is printed as by `take --hold`. The old one is still good as REF, but no longer a file.\n"
    "REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.";

inline constexpr std::string_view kIdDetails =
    "ID is a whole id, four or more of its first or last characters, the path of the message's "
    "file,\n"
    "or @oldest or @newest of those that are not done.";

inline constexpr std::string_view kCatDetails =
    "Its size and checksum are compared at the end: 65 when they do not match.\n"
    "ID is a whole id, four or more of its first or last characters, the path of the message's "
    "file,\n"
    "or @oldest or @newest of those that are not done.";

inline constexpr std::string_view kRetryDetails =
    "The message is ready again, with no attempt counted and without its reason. One whose time "
    "to\n"
    "live was over has none any more.\n"
    "ID is a whole id, four or more of its first or last characters, the path of the message's "
    "file,\n"
    "or @oldest or @newest.";

inline constexpr std::string_view kStatsDetails =
    "Counted by folder: what is due or taken back with nobody there to do it (`spoolq reap`, or "
    "any\n"
    "consumer) still counts as delayed or claimed. BAD is what is in the folder bad/: files that "
    "are\n"
    "no messages, or damaged; spoolq never removes them. BYTES counts all but done and bad.";

inline constexpr std::string_view kMoveDetails =
    "A message keeps its id, its state and all that was said of it. On one file system the move "
    "is\n"
    "a rename. Between two it is a copy that is on disk before the original is removed: a crash "
    "in\n"
    "the middle may leave a message in both queues, so that it is delivered twice; none is lost.\n"
    "Claimed messages are not moved. What does not fit the limits of the target stays (65, 75).\n"
    "Dead letters stay dead: `spoolq retry TARGET --all` makes them ready there.";

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

}  // namespace spoolq::cli
