// spoolq fail: gives held messages up.
#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"bury"};

constexpr OptionText kOptions[] = {
    {.name = "reason", .value = "TEXT", .help = "why; `spoolq show` tells it"},
};

constexpr Example kExamples[] = {
    {"spoolq fail jobs \"$path\" --reason 'no such user'", "give the message up"},
};

int run(const Parsed& parsed, Console& console) {
  Reason reason;
  reason.text = parsed.value("reason").value_or("");
  return for_each_claim(parsed, console, [&](DetachedClaim& claim) { claim.fail(reason); });
}

}  // namespace

const Command kFailCommand{.name = "fail",
                           .aliases = kAliases,
                           .group = Group::take,
                           .summary = "give held messages up",
                           .usage = "Q REF...",
                           .arguments_min = 2,
                           .arguments_max = kUnlimited,
                           .options = kOptions,
                           .examples = kExamples,
                           .details = kReferenceDetails,
                           .run = run};

}  // namespace spoolq::cli
