// spoolq extend: holds messages longer.
#include <fmt/format.h>

#include "cli/commands/commands.hpp"
#include "cli/commands/held_claims.hpp"
#include "spoolq/fmt.hpp"

namespace spoolq::cli {
namespace {

constexpr std::string_view kAliases[] = {"touch"};

constexpr OptionText kOptions[] = {
    {.name = "lease", .value = "D", .help = "from now; default: the setting detached_lease"},
};

constexpr Example kExamples[] = {
    {"spoolq extend jobs \"$path\" --lease 1h", "keep the claim for an hour from now"},
};

constexpr std::string_view kDetails =
    R"(The end of the lease stands in the file's name, so the message has another path afterwards: it
is printed as by `take --hold`. The old one is still good as REF, but no longer a file.
REF is the path that `take --hold` printed, or an id: see `spoolq ack --help`.)";

int run(const Parsed& parsed, Console& console) {
  const auto lease = parse_lease(parsed);
  return for_each_claim(parsed, console, [&](DetachedClaim& claim) {
    claim.extend(lease);
    // As `take --hold` does: the end of the lease is in the file's name, so the path is new.
    console.out.write(fmt::format("{}\t{}\n", claim.info().id, escape(claim.info().path)));
    console.out.flush();
  });
}

}  // namespace

const Command kExtendCommand{.name = "extend",
                             .aliases = kAliases,
                             .group = Group::take,
                             .summary = "hold messages longer",
                             .usage = "Q REF...",
                             .arguments_min = 2,
                             .arguments_max = kUnlimited,
                             .options = kOptions,
                             .examples = kExamples,
                             .details = kDetails,
                             .run = run};

}  // namespace spoolq::cli
