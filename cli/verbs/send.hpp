// The words of put.
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

}  // namespace spoolq::cli
