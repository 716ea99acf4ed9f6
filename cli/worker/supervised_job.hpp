// What the supervising process does.
#pragma once

#include "cli/worker/supervisor.hpp"

namespace spoolq::cli {

/// Orders to the supervising process, each one byte: SIGTERM to the job's process group; SIGKILL to
/// all that belongs to the job.
inline constexpr char kTerminate = 't';
inline constexpr char kKill = 'k';

/// Runs and supervises a job in a process that was just forked, with all signals blocked. Reports
/// go to `socket`, orders come from there. Only async-signal-safe calls.
[[noreturn]] void supervise(const Launch& launch, int socket);

}  // namespace spoolq::cli
