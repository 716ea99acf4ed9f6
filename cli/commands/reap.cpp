// spoolq reap: does the maintenance that consumers do.
#include <fmt/format.h>

#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"
#include "cli/output/json.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {kJson};

constexpr Example kExamples[] = {
    {"spoolq reap jobs", "for a queue that nobody takes from"},
};

constexpr std::string_view kDetails =
    R"(Takes back the claims of dead consumers, moves delayed messages that are due, fails those whose
time to live is over, removes what dead writers left and finished messages older than
keep_done. Consumers do all this by themselves.)";

int run(const Parsed& parsed, Console& console) {
  Queue queue = open_queue(parsed.queue(), console);
  const ReapCounts counts = queue.reap();
  if (parsed.flag("json")) {
    console.out.write(reap_document(queue.path(), counts));
  } else {
    console.out.write(fmt::format("returned {}, failed {}, due {}, swept {}, pruned {}\n",
                                  counts.returned, counts.failed, counts.due, counts.swept,
                                  counts.pruned));
  }
  return kExitDone;
}

}  // namespace

const Command kReapCommand{.name = "reap",
                           .group = Group::keep,
                           .summary = "take back dead claims, move due messages",
                           .usage = "Q",
                           .options = kOptions,
                           .examples = kExamples,
                           .details = kDetails,
                           .run = run};

}  // namespace spoolq::cli
