// spoolq ack: finishes held messages.
#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"done"};

constexpr Example kExamples[] = {
    {"spoolq ack jobs \"$path\"", "the message is done; $path is what `take --hold` printed"},
};

int run(const Parsed& parsed, Console& console) {
  return for_each_claim(parsed, console, [](DetachedClaim& claim) { claim.ack(); });
}

}  // namespace

const Command kAckCommand{.name = "ack",
                          .aliases = kAliases,
                          .group = Group::take,
                          .summary = "finish held messages",
                          .usage = "Q REF...",
                          .arguments_min = 2,
                          .arguments_max = kUnlimited,
                          .examples = kExamples,
                          .details = kReferenceDetails,
                          .run = run};

}  // namespace spoolq::cli
