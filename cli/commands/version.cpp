// spoolq version.
#include "cli/commands/commands.hpp"
#include "cli/output/json.hpp"

namespace spoolq::cli {
namespace {

constexpr OptionText kOptions[] = {kJson};

constexpr Example kExamples[] = {{"spoolq version --json", "for programs"}};

int run(const Parsed& parsed, Console& console) {
  console.out.write(parsed.flag("json") ? version_document(SPOOLQ_VERSION)
                                        : std::string{"spoolq " SPOOLQ_VERSION "\n"});
  return kExitDone;
}

}  // namespace

const Command kVersionCommand{.name = "version",
                              .group = Group::other,
                              .summary = "print the version",
                              .arguments_min = 0,
                              .arguments_max = 0,
                              .options = kOptions,
                              .examples = kExamples,
                              .run = run};

}  // namespace spoolq::cli
