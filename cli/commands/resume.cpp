// spoolq resume: gives messages out again.
#include "cli/args/queue_argument.hpp"
#include "cli/commands/commands.hpp"

namespace spoolq::cli {
namespace {

constexpr Example kExamples[] = {
    {"spoolq resume jobs", "the end of `spoolq pause jobs`; those who wait go on at once"},
};

int run(const Parsed& parsed, Console& console) {
  open_queue(parsed.queue(), console).resume();
  return kExitDone;
}

}  // namespace

const Command kResumeCommand{.name = "resume",
                             .group = Group::keep,
                             .summary = "give messages out again",
                             .usage = "Q",
                             .examples = kExamples,
                             .run = run};

}  // namespace spoolq::cli
