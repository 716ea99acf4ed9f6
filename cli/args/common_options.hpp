// Options that several commands take.
#pragma once

#include <string_view>

#include "cli/args/command.hpp"

namespace spoolq::cli {

inline constexpr OptionText kJson{.name = "json", .help = "print JSON"};

inline constexpr OptionText kNotClaimedOption{
    .name = "state",
    .value = "S",
    .help = "only those that are ready, delayed, failed or done; a list, or again"};

inline constexpr OptionText kKeyOption{
    .name = "key", .value = "KEY", .help = "only messages with this key"};

inline constexpr OptionText kTypeOption{
    .name = "type", .value = "TYPE", .help = "only messages with this content type"};

inline constexpr OptionText kNameOption{
    .name = "name", .value = "GLOB", .help = "only messages whose name matches, such as '*.jpg'"};

inline constexpr OptionText kOlderOption{
    .name = "older", .value = "D", .help = "only messages put longer ago than this"};

inline constexpr OptionText kCountOption{
    .letter = 'n', .value = "N", .help = "with --all: at most N, in the order of ls"};

inline constexpr OptionText kCommonOptions[] = {
    {.name = "color", .value = "WHEN", .help = "always, never, or auto (on a terminal)"},
    {.letter = 'v', .name = "verbose", .help = "say more on standard error"},
    {.letter = 'h', .help = "short help, examples first"},
    {.name = "help", .help = "full help"},
};

inline constexpr std::string_view kReferenceDetails =
    R"(REF is the path that `take --hold` printed: exactly that claim is meant, and if it was taken
back meanwhile the answer is "claim lost" (72). An id serves too, for a held claim only, and
is not fenced: it means whoever holds the message now. The claim of a living consumer is
refused (72). Of several, those that can be finished are; the exit code is the first error's.)";

inline constexpr std::string_view kIdDetails =
    R"(ID is a whole id, four or more of its first or last characters, the path of the message's file,
or @oldest or @newest of those that are not done.)";

}  // namespace spoolq::cli
