// Held claims, one after another.
#include "cli/commands/held_claims.hpp"

#include "cli/args/message_argument.hpp"
#include "cli/args/queue_argument.hpp"
#include "cli/commands/error_report.hpp"

namespace spoolq::cli {

int for_each_claim(const Parsed& parsed, const Console& console,
                   const std::function<void(DetachedClaim&)>& finish) {
  const Queue queue = open_queue(parsed.queue(), console);
  ErrorReport errors{console};
  for (const std::string& reference : parsed.rest()) {
    errors.attempt([&] {
      DetachedClaim claim = find_held_claim(queue, reference);
      finish(claim);
    });
  }
  return errors.code();
}

std::optional<Duration> parse_lease(const Parsed& parsed) {
  const auto lease = parsed.duration("lease");
  if (lease && *lease <= Duration{0}) {
    parsed.bad_value("lease", *parsed.value("lease"), "it would be over at once");
  }
  return lease;
}

}  // namespace spoolq::cli
