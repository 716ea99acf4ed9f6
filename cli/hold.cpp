// ack, release, extend, fail: finishing or prolonging claims that `take --hold` left.
#include <fmt/format.h>

#include <functional>

#include "cli/commands.hpp"
#include "cli/exit_codes.hpp"
#include "cli/message_argument.hpp"
#include "cli/queue_argument.hpp"

namespace spoolq::cli {
namespace {

/// Does it for each reference. One that fails is reported and the others are done; the exit code
/// is the first error's.
int for_each_claim(const std::string& queue_argument, const std::vector<std::string>& references,
                   const Console& console,
                   const std::function<void(Queue&, const HeldClaim&)>& finish) {
  Queue queue = open_queue(queue_argument, console);
  int code = kExitDone;
  const auto report = [&](const std::string& text, ExitCode its_code) {
    console.complain(text);
    if (code == kExitDone) code = its_code;
  };
  for (const std::string& reference : references) {
    try {
      finish(queue, find_held_claim(queue, reference));
    } catch (const Failure& failure) {
      report(failure.what(), failure.code());
    } catch (const Error& error) {
      report(describe(error), exit_code_of(error.code()));
    }
  }
  return code;
}

}  // namespace

int run(const AckArguments& arguments, Console& console) {
  return for_each_claim(arguments.queue, arguments.references, console,
                        [](Queue& queue, const HeldClaim& claim) { queue.ack(claim); });
}

int run(const ReleaseArguments& arguments, Console& console) {
  return for_each_claim(
      arguments.queue, arguments.references, console,
      [&](Queue& queue, const HeldClaim& claim) { queue.release(claim, arguments.delay); });
}

int run(const ExtendArguments& arguments, Console& console) {
  return for_each_claim(
      arguments.queue, arguments.references, console, [&](Queue& queue, const HeldClaim& claim) {
        const Duration lease = arguments.lease ? *arguments.lease : detached_lease(queue);
        const HeldClaim extended = queue.extend(claim, lease);
        // As `take --hold` does: the end of the lease is in the file's name, so the path is new.
        console.out.write(
            fmt::format("{}\t{}\n", extended.info.id.to_string(), escape(extended.info.path)));
        console.out.flush();
      });
}

int run(const FailArguments& arguments, Console& console) {
  Reason reason;
  reason.text = arguments.reason;
  return for_each_claim(arguments.queue, arguments.references, console,
                        [&](Queue& queue, const HeldClaim& claim) { queue.fail(claim, reason); });
}

}  // namespace spoolq::cli
