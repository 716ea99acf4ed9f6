// Held claims, one after another.
#include "cli/commands/held_claims.hpp"

#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
#include "cli/commands/error_report.hpp"

namespace spoolq::cli {

int for_each_claim(const Command& command, const Console& console,
                   const std::function<void(DetachedClaim&)>& finish) {
  const Queue queue = open_queue(command.queue(), console);
  ErrorReport errors{console};
  for (const std::string& reference : command.rest()) {
    errors.attempt([&] {
      DetachedClaim claim = find_held_claim(queue, reference);
      finish(claim);
    });
  }
  return errors.code();
}

}  // namespace spoolq::cli
