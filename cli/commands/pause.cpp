// spoolq pause: gives nothing out for a while.
#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"

namespace spoolq::cli {
namespace {

constexpr Example kExamples[] = {
    {"spoolq pause jobs", "give nothing out until `spoolq resume jobs`"},
};

constexpr std::string_view kDetails =
    R"(Puts go on, and so does what consumers hold already. `take` ends with 69, or waits with --wait;
a worker waits. The queue stays paused over restarts of consumers and of the machine: it is a
file, `paused`, in the queue's directory.)";

int run(const Parsed& parsed, Console& console) {
  open_queue(parsed.queue(), console).pause();
  return kExitDone;
}

}  // namespace

const Command kPauseCommand{.name = "pause",
                            .group = Group::keep,
                            .summary = "give nothing out for a while",
                            .usage = "Q",
                            .examples = kExamples,
                            .details = kDetails,
                            .run = run};

}  // namespace spoolq::cli
