// spoolq release: gives held messages back.
#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"nack"};

constexpr OptionText kOptions[] = {
    {.name = "delay", .value = "D", .help = "deliver it again not before this long from now"},
};

constexpr Example kExamples[] = {
    {"spoolq release jobs \"$path\"", "give the message back at once"},
    {"spoolq release jobs \"$path\" --delay 5m", "or in five minutes"},
};

constexpr std::string_view kDetails =
    R"(A message that has used up its attempts (max_attempts) goes to failed/ instead.
REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.)";

int run(const Parsed& parsed, Console& console) {
  const Duration delay = parsed.duration("delay").value_or(Duration{0});
  return for_each_claim(parsed, console, [&](DetachedClaim& claim) { claim.release(delay); });
}

}  // namespace

const Command kReleaseCommand{.name = "release",
                              .aliases = kAliases,
                              .group = Group::take,
                              .summary = "give held messages back",
                              .usage = "Q REF...",
                              .arguments_min = 2,
                              .arguments_max = kUnlimited,
                              .options = kOptions,
                              .examples = kExamples,
                              .details = kDetails,
                              .run = run};

}  // namespace spoolq::cli
