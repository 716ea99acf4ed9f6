// Which queue an argument means, and opening it.
#pragma once

#include <string>
#include <string_view>

#include "cli/output/exit_codes.hpp"
#include "cli/output/print.hpp"
#include "spoolq/consumer.hpp"
#include "spoolq/queue.hpp"

namespace spoolq::cli {

/// The path that a queue argument stands for: `@` is $SPOOLQ_QUEUE; a bare word that is no path
/// here is $SPOOLQ_ROOT/word where that exists, or, when a queue is to be made, where SPOOLQ_ROOT
/// is set at all. Throws Failure (usage) for an empty argument and for `@` without SPOOLQ_QUEUE.
std::string queue_path(const std::string& argument, bool to_make = false);

/// Opens the queue. A missing one is a Failure that names the command that makes it.
Queue open_queue(const std::string& argument, const Console& console);
/// The same; `log` is given what the queue has to say from then on.
Queue open_queue(const std::string& argument, LogHandler log);

/// Throws Failure for a Maildir, from which nothing can be taken.
void require_takeable(const Queue& queue);
/// A consumer of the queue. Throws as these two.
Consumer open_consumer(const std::string& argument, LogHandler log);
/// The failure of a command that takes from a paused queue.
Failure queue_is_paused(const Queue& queue);

/// The value of a setting; empty where there is none of that name.
std::string setting(const Queue& queue, std::string_view name);
/// The setting detached_lease: how long a held claim lasts without --lease.
Duration detached_lease(const Queue& queue);

/// Prints what the libraries have to say on standard error; notices only when verbose.
LogHandler log_handler(const Console& console);

}  // namespace spoolq::cli
