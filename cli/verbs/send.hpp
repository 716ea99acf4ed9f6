// The words of put, adopt and import.
#pragma once

#include <string_view>

#include "cli/verbs/common.hpp"

namespace spoolq::cli {

inline constexpr std::string_view kPutAliases[] = {"send"};

inline constexpr OptionText kPutOptions[] = {
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

inline constexpr Example kPutExamples[] = {
    {"spoolq put jobs cat.jpg", "the file becomes a message; its id is printed"},
    {"date | spoolq put jobs", "a message from standard input"},
    {"spoolq put jobs --delay 10m --header user=7 cat.jpg", "later, with a header"},
    {"find . -name '*.jpg' -print0 | spoolq put jobs --each-nul", "one message for each name"},
};

inline constexpr OptionText kAdoptOptions[] = {
    {.name = "done",
     .value = "RULE",
     .help = "when a file is complete: auto (default), rename, close, stable, marker, lease"},
    {.name = "settle",
     .value = "D",
     .help = "how long it must have been left alone; default: the queue's setting settle"},
    {.name = "follow", .help = "go on with what comes, until TERM or INT"},
    {.name = "keep", .help = "leave the files where they are, and take each once"},
    {.name = "dry-run", .help = "print what would become of each file, and why; change nothing"},
    kJson,
};

inline constexpr Example kAdoptExamples[] = {
    {"spoolq adopt inbox jobs", "every file of the folder inbox becomes a message"},
    {"spoolq adopt inbox jobs --follow", "and every file that comes, until it is stopped"},
    {"spoolq adopt inbox jobs --dry-run", "say what would be taken"},
    {"spoolq adopt inbox jobs --done=marker --keep", "take what has a NAME.done, and leave it"},
};

inline constexpr OptionText kImportOptions[] = {
    {.name = "from", .value = "PROGRAM", .help = "whose queue it is: dirq, maildir or nq"},
    {.name = "keep", .help = "leave everything where it is, and take each once"},
    {.name = "dry-run", .help = "print what would become of each element, and why"},
    kJson,
};

inline constexpr Example kImportExamples[] = {
    {"spoolq import --from=maildir Maildir jobs", "what is in Maildir/new becomes messages"},
    {"spoolq import --from=dirq queue jobs --dry-run", "say what would be taken"},
    {"spoolq import --from=nq nq jobs --keep", "jobs that were not run yet; leave them there, too"},
};

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

inline constexpr std::string_view kAdoptDetails =
    "Each file is taken once and whole, over crashes and restarts: by rename where the folder is "
    "on\n"
    "the queue's file system, else as a copy, whose original goes when the copy is on disk. It "
    "keeps\n"
    "its name. For each, its id and its name are printed, with a tab between them.\n"
    "\n"
    "  auto     what nobody has open for writing: at once if it was renamed here, else when it is\n"
    "           not empty and was left alone for --settle\n"
    "  rename   the same, but what is written in place while one follows is left\n"
    "  close    what its writer has closed and left alone for --settle\n"
    "  stable   what stays as it is for --settle (default 5s), whoever has it open: for network\n"
    "           file systems\n"
    "  marker   what has a file NAME.done or NAME.ok beside it, which goes with it\n"
    "  lease    what nobody has open for writing\n"
    "\n"
    "Names that begin with a dot or end in .tmp, .part, .crdownload or ~, and folders, are left\n"
    "alone. What is no regular file, and what is larger than max_size, goes to DIR/.rejected/, "
    "with\n"
    "the reason in NAME.reason. Without --follow it waits for files that settle within five "
    "seconds,\n"
    "and says what is left and why. That some are left is no error. The exit code is 65 when a "
    "file\n"
    "was rejected, 75 when the queue is full, 77 when a file may not be read or taken. --settle "
    "has\n"
    "no meaning with rename and marker.\n"
    "With --keep a file counts as the same as long as its inode, size, time and name are, and the\n"
    "path of DIR. Where DIR is on the queue's file system, `init --inbox` makes it the queue's "
    "own.";

inline constexpr std::string_view kImportDetails =
    "Each element becomes a message with its bytes, its name and its time, once: it goes when its\n"
    "message is on disk, and a repeated import doubles nothing, also with --keep. For each, its "
    "id\n"
    "and its name are printed, with a tab between them. Stop the other queue's consumers first; "
    "what\n"
    "they have locked is left, and said to be.\n"
    "\n"
    "  dirq     the directory queue of CERN (python3-dirq, Directory::Queue), simple or normal. "
    "Of\n"
    "           several fields, body, data, payload, text or content is the payload; the others\n"
    "           become headers\n"
    "  maildir  what is in new/; mail in cur/, which somebody has seen, is left\n"
    "  nq       jobs that were not run. The payload is `exec nq CMD...`; to run CMD:\n"
    "           spoolq work Q -- sh -c 'sed \"1s/^exec nq //;q\" | sh'";

}  // namespace spoolq::cli
